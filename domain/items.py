"""Items of OpenAI's Conversations API and messages: the same events, told in two ways.

A message, a call of a function or a custom tool, and an output of one are messages in the shape of chat completions, so
that contexts, search and every other reader know them. What an item holds beyond what its message tells again (other
fields, parts written otherwise) is kept in `extra` under `openai_item` and put back. An item of any other kind is a message of
that kind whose only content part is the item; it stands in no context.

One message may be several items, its text and each of its calls; those after the first have its id and `.2`, `.3` ….
"""

from collections.abc import Iterable, Sequence

import msgspec

from domain.events import NULL
from domain.parts import Fields, chat_parts, encode, item_parts, text_of
from domain.roles import Role

MESSAGE = "message"
ITEM = "openai_item"
"""The key in `extra`."""
ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}
LONGEST_ID = 255
LONGEST_KIND = 64
PREFIXES = {
    MESSAGE: "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
}
CALLS = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}
"""By the item's type: the type of the call in chat completions, and the name of what it passes."""
OUTPUTS = ("function_call_output", "custom_tool_call_output")

_COMPLETED = msgspec.Raw(b'"completed"')
_INCOMPLETE = msgspec.Raw(b'"incomplete"')
_fields = msgspec.json.Decoder(Fields).decode
_list_of_fields = msgspec.json.Decoder(list[Fields]).decode


class OddItem(ValueError):  # noqa: N818 - names the finding
    """What no item can be; `place` is a path in the item."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place = place


class AsMessage(msgspec.Struct, frozen=True):
    """An item as a message."""

    kind: str
    role: Role
    content: msgspec.Raw
    tool_calls: msgspec.Raw = NULL
    tool_call_id: str | None = None
    extra: msgspec.Raw = NULL


def id_of_item(kind: str, hex_digits: str) -> str:
    return f"{PREFIXES.get(kind, 'item')}_{hex_digits}"


def message_of(item: Fields) -> AsMessage:
    """Raises OddItem."""
    given = {name: value for name, value in item.items() if name != "id"}
    if given.get("status") in (NULL, _COMPLETED):
        del given["status"]
    kind = text_of(given.get("type", NULL)) if "type" in given else MESSAGE
    if not kind or len(kind) > LONGEST_KIND:
        raise OddItem("type", f"an item's `type` is a string of at most {LONGEST_KIND} characters")
    if kind == MESSAGE:
        return _message(given)
    if kind == "item_reference":
        raise OddItem("type", "an item is stored as it is, not as a reference to another")
    made = _call(kind, given) if kind in CALLS else None
    if kind in OUTPUTS:
        made = _output(given)
    return made or opaque(kind, item)


def opaque(kind: str, item: Fields) -> AsMessage:
    """An item that is a message to nobody."""
    kept = {name: value for name, value in item.items() if name != "id"}
    return AsMessage(kind, "assistant", msgspec.Raw(encode([kept])))


def _message(given: Fields) -> AsMessage:
    role = ROLES.get(text_of(given.get("role", NULL)) or "")
    if role is None:
        raise OddItem("role", f"a message's role is one of {', '.join(ROLES)}")
    content, rests = chat_parts(given.get("content", NULL), role)
    more = {k: v for k, v in given.items() if k not in ("type", "role", "content")}
    return AsMessage(MESSAGE, role, content, extra=_extra(more, rests))


def _call(kind: str, given: Fields) -> AsMessage | None:
    shape, passes = CALLS[kind]
    own = ("call_id", "name", passes)
    if not all(text_of(given.get(name, NULL)) is not None for name in own):
        return None
    _named_call(given)
    inner = {"name": given["name"], passes: given[passes]}
    call = {"id": given["call_id"], "type": shape, shape: inner}
    more = {k: v for k, v in given.items() if k not in ("type", *own)}
    calls = msgspec.Raw(encode([call]))
    return AsMessage(MESSAGE, "assistant", NULL, calls, extra=_extra(more, None))


def _output(given: Fields) -> AsMessage | None:
    """None where it names no call."""
    call_id = text_of(given.get("call_id", NULL))
    if not call_id or "output" not in given:
        return None
    _named_call(given)
    content, rests = chat_parts(given["output"], "tool")
    more = {k: v for k, v in given.items() if k not in ("call_id", "output")}
    if text_of(more["type"]) == OUTPUTS[0]:
        del more["type"]
    return AsMessage(MESSAGE, "tool", content, tool_call_id=call_id, extra=_extra(more, rests))


def _named_call(given: Fields) -> None:
    if not 0 < len(text_of(given["call_id"]) or "") <= LONGEST_ID:
        raise OddItem("call_id", f"a call's id is a string of 1 to {LONGEST_ID} characters")


def _extra(more: Fields, rests: msgspec.Raw | None) -> msgspec.Raw:
    kept = more if rests is None else more | {"content": rests}
    return msgspec.Raw(encode({ITEM: kept})) if kept else NULL


class Shown(msgspec.Struct):
    """A message as it is stored for reading, as far as its items show it."""

    id: str
    role: Role
    content: msgspec.Raw
    tool_calls: msgspec.Raw
    tool_call_id: str | None
    extra: msgspec.Raw
    kind: str = MESSAGE
    incomplete: str | None = None


def items_of(message: Shown) -> list[bytes]:
    """Its items as JSON, in order. There is at least one."""
    if message.kind != MESSAGE:
        return [_numbered(message.id, 1, part) for part in _list_of_fields(message.content)]
    kept = _object(_object(message.extra).get(ITEM, NULL))
    made = list(_told(message, kept))
    if len(made) == 1:
        made = [made[0] | {name: value for name, value in kept.items() if name != "content"}]
    return [_numbered(message.id, number, item) for number, item in enumerate(made, 1)]


def _object(raw: msgspec.Raw) -> Fields:
    """Empty for what is none: a caller's `extra` and calls of unknown kinds may hold anything."""
    try:
        return _fields(raw)
    except msgspec.ValidationError:
        return {}


def _numbered(message_id: str, number: int, item: Fields) -> bytes:
    own = message_id if number == 1 else f"{message_id}.{number}"
    return encode({"id": own} | {name: value for name, value in item.items() if name != "id"})


def split_item_id(item_id: str) -> tuple[str, int]:
    """The message's id and the item's number in it; number 0 for what is no item's id."""
    message_id, dot, number = item_id.partition(".")
    if not dot:
        return message_id, 1
    counts = number.isascii() and number.isdigit() and 0 < len(number) < 7 and number[0] != "0"
    return message_id, int(number) if counts and number != "1" else 0


def _told(message: Shown, kept: Fields) -> Iterable[Fields]:
    status = _INCOMPLETE if message.incomplete else _COMPLETED
    rests = kept.get("content")
    if message.role == "tool":
        output = item_parts(message.content, message.role, rests, is_output=True)
        call_id = msgspec.Raw(encode(message.tool_call_id))
        kind = msgspec.Raw(b'"function_call_output"')
        yield {"type": kind, "call_id": call_id, "output": output, "status": status}
        return
    calls = _list_of_fields(message.tool_calls) if message.tool_calls != NULL else []
    if not calls or message.content not in (NULL, b'""'):
        yield {
            "type": msgspec.Raw(b'"message"'),
            "role": msgspec.Raw(encode(message.role)),
            "status": status,
            "content": item_parts(message.content, message.role, rests),
        }
    yield from (_told_call(call, status) for call in calls)


def _told_call(call: Fields, status: msgspec.Raw) -> Fields:
    for kind, (shape, passes) in CALLS.items():
        if text_of(call.get("type", NULL)) == shape:
            inner = _object(call.get(shape, NULL))
            told = {"type": msgspec.Raw(encode(kind)), "call_id": call.get("id", NULL)}
            return told | {k: inner.get(k, NULL) for k in ("name", passes)} | {"status": status}
    rest = {name: value for name, value in call.items() if name != "id"}
    return rest | {"call_id": call.get("id", NULL), "status": status}


def ids_of(items: Sequence[bytes]) -> list[str]:
    return [msgspec.json.decode(item, type=_Id).id for item in items]


class _Id(msgspec.Struct):
    id: str
