"""Results in an export whose call was retracted: the service takes none without its call.

So a call is put before each, in the place of the one that was retracted, and retracted again once all is imported: no word
is lost, and the result stands as it stood.
"""

from hashlib import sha256

import msgspec

from domain.calls import OpenCalls, call_ids, close_call, open_calls_of
from services.cli.lines import Message

_NULL = msgspec.Raw(b"null")


def with_calls(messages: list[Message]) -> tuple[list[Message], list[str]]:
    """The messages with the calls that they lack; the ids of what is to be retracted."""
    made: list[Message] = []
    retracted: list[str] = []
    waiting: OpenCalls = {}
    for message in messages:
        calls = message.get("tool_calls", _NULL)
        if _text(message, "role") != "tool":
            waiting = open_calls_of(waiting, len(made), call_ids(calls))
        else:
            call_id = _text(message, "tool_call_id")
            if call_id in waiting:
                waiting = close_call(waiting, call_id)
            else:
                made.append(_call(message, call_id))
                retracted.append(_text(made[-1], "id"))
        made.append(message)
    return made, retracted


def _call(result: Message, call_id: str) -> Message:
    """At the result's time; its id tells whose it is, so that it is the same each time."""
    function = {"name": "retracted", "arguments": "{}"}
    call = {"id": call_id, "type": "function", "function": function}
    fields = {
        "id": f"call_{sha256(_text(result, 'id').encode()).hexdigest()[:32]}",
        "role": "assistant",
        "tool_calls": [call],
        "output_tokens": 0,
    }
    made = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return made | {"created_at": result["created_at"]}


def _text(message: Message, name: str) -> str:
    value = msgspec.json.decode(message.get(name, _NULL))
    return value if isinstance(value, str) else ""
