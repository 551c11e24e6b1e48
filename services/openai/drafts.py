"""Items as sent, checked and counted, as messages to append."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from domain.commands import NewMessage
from domain.items import MESSAGE, AsMessage, OddItem, id_of_item, message_of, opaque
from domain.parts import Fields, text_of
from domain.refusals import UnmatchedToolCall
from services.command.drafts import Drafter, check_plain
from services.command.requests import MessageIn
from services.http.decode import invalid
from services.http.errors import ApiError, bad_request
from services.http.minting import Minter

ResultT = TypeVar("ResultT")

_fields = msgspec.json.Decoder(Fields).decode


class ItemDrafter:
    def __init__(self, drafter: Drafter, minter: Minter) -> None:
        self._drafter = drafter
        self._minter = minter

    async def append(
        self,
        items: list[msgspec.Raw],
        now: datetime,
        append: Callable[[tuple[NewMessage, ...]], Awaitable[ResultT]],
    ) -> ResultT:
        """What `append` makes of the items as messages. Raises ApiError (400) and what `append` raises.

        An output that answers no open call is nobody's answer: it is kept as an item of its own kind.
        """
        given = [_object(raw, place) for place, raw in enumerate(items)]
        told = [_told(item, place) for place, item in enumerate(given)]
        while True:
            messages = await self._messages(told, given, now)
            try:
                return await append(messages)
            except UnmatchedToolCall as refusal:
                place = int((refusal.param or "")[len("messages[") :].partition("]")[0])
                told[place] = opaque(text_of(given[place]["type"]) or "", given[place])

    async def _messages(
        self, told: list[AsMessage], given: list[Fields], now: datetime
    ) -> tuple[NewMessage, ...]:
        sent = [
            MessageIn(
                role=one.role,
                content=one.content,
                tool_calls=one.tool_calls,
                tool_call_id=one.tool_call_id,
                extra=one.extra,
            )
            for one in told
        ]
        try:
            drafts = await self._drafter.drafts(sent, now, "items[{}].")
        except ApiError as error:
            if error.param is not None and error.param.endswith("].content"):
                place = int(error.param[len("items[") :].partition("]")[0])
                if "output" in given[place]:
                    error.param = error.param.replace("].content", "].output")
            raise
        return tuple(
            self._named(one, item, draft.message)
            for one, item, draft in zip(told, given, drafts, strict=True)
        )

    def _named(self, told: AsMessage, item: Fields, message: NewMessage) -> NewMessage:
        """Of another kind than a message it stands in no context, and costs nothing there."""
        kind = text_of(item["type"]) or MESSAGE if "type" in item else MESSAGE
        named = replace(message, message_id=id_of_item(kind, self._minter.hex_id()))
        if told.kind == MESSAGE:
            return named
        return replace(named, kind=told.kind, token_count=0, input_tokens=0, output_tokens=0)


def _object(raw: msgspec.Raw, place: int) -> Fields:
    try:
        return _fields(raw)
    except msgspec.ValidationError as error:
        raise invalid(str(error), f"items[{place}]") from None


def _told(item: Fields, place: int) -> AsMessage:
    try:
        told = message_of(item)
    except OddItem as odd:
        raise bad_request(str(odd), "invalid_value", f"items[{place}].{odd.place}") from None
    check_plain(told.kind, f"items[{place}].type")
    return told
