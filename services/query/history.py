"""How a conversation stood, folded from the log."""

from datetime import datetime
from typing import Any

import msgspec

from domain.codec import Codec
from domain.envelope import Meta
from domain.events import MessageAppended
from domain.resources import message_json, with_flags
from domain.state import ConversationState, evolve, is_compacted
from eventstore.appends import StoredRow
from eventstore.reader import LogReader
from services.http.errors import bad_request
from services.http.fields import Moment

PAGE = 1_000
_VERSION_DIGITS = 18


class Stood(msgspec.Struct, frozen=True):
    """`messages` are the newest of then, oldest first, as answered; `sequences` are theirs."""

    state: ConversationState
    sequences: list[int]
    messages: list[bytes]


class History:
    """Reads the log; its cost grows with the conversation's length."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._codec = Codec()

    async def stood(
        self, stream: str, conversation: str, as_of: int | datetime, messages: int
    ) -> Stood | None:
        """None where there was no conversation then. Raises ApiError (400) for a version that is not there yet."""
        state: ConversationState | None = None
        version = 0
        while True:
            rows = await self._reader.stream_page(stream, version, PAGE)
            for row in rows:
                meta, event = self._decode(row)
                if _is_later(row, meta, as_of):
                    return await self._with_messages(stream, conversation, state, messages)
                state = evolve(state, event, row.version, meta.occurred_at)
                version = row.version
            if len(rows) < PAGE:
                break
        if isinstance(as_of, int) and 0 < version < as_of:
            raise bad_request(
                f"the conversation is at version {version}; there is no later one yet",
                "invalid_value",
                "as_of",
            )
        return await self._with_messages(stream, conversation, state, messages)

    async def _with_messages(
        self, stream: str, conversation: str, state: ConversationState | None, wanted: int
    ) -> Stood | None:
        if state is None:
            return None
        found: list[MessageAppended] = []
        before = state.version + 1
        while len(found) < wanted and before > 1:
            rows = await self._reader.stream_page_back(stream, before, min(PAGE, 2 * wanted))
            for row in rows:
                event = self._decode(row)[1]
                if isinstance(event, MessageAppended) and event.sequence not in state.retracted:
                    found.append(event)
            before = rows[-1].version
        newest = found[:wanted][::-1]
        shown = [
            with_flags(
                message_json(conversation, event),
                is_pinned=event.sequence in state.pinned,
                is_compacted=is_compacted(state, event.sequence),
            )
            for event in newest
        ]
        return Stood(state, [event.sequence for event in newest], shown)

    def _decode(self, row: StoredRow) -> tuple[Meta, Any]:
        return self._codec.decode(row.topic, row.state)


def parse_as_of(text: str, now: datetime) -> int | datetime:
    """A version or a time that has passed. Raises ApiError (400)."""
    if text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS and int(text) > 0:
        return int(text)
    try:
        moment = msgspec.convert(text, Moment)
    except msgspec.ValidationError:
        raise bad_request(
            "as_of is a version (1, 2, 3 …) or a time with an offset (2027-01-01T00:00:00Z)",
            "invalid_value",
            "as_of",
        ) from None
    if moment > now:
        raise bad_request("as_of is in the future", "invalid_value", "as_of")
    return moment


def _is_later(row: StoredRow, meta: Meta, as_of: int | datetime) -> bool:
    if isinstance(as_of, int):
        return row.version > as_of
    return meta.occurred_at > as_of
