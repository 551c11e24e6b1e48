"""The first answer again, made from its event."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from domain.events import NULL, MessageAppended
from services.gateway.answers import COMPLETION
from services.gateway.requests import ChatBody, Fields, with_conversation
from services.gateway.sse import DONE, event_of
from services.gateway.streaming import told_in_stream
from services.http.errors import ApiError

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(Fields).decode
_decode = msgspec.json.Decoder().decode


def whole_again(conversation: str, event: MessageAppended) -> bytes:
    """As a completion."""
    choice = {"index": 0, "message": _message(event), "finish_reason": event.finish_reason}
    return _object(conversation, event, "chat.completion", [choice], _usage(event))


async def streamed_again(
    conversation: str, event: MessageAppended, body: ChatBody, request_id: str
) -> AsyncGenerator[bytes]:
    """As the events of a stream: one with all that was said, and its end. One that was cut off ends with an error."""
    said = {"index": 0, "delta": _delta(_message(event)), "finish_reason": None}
    yield _event(conversation, event, [said])
    if event.incomplete is not None:
        fault = ApiError(
            502, "the first answer was cut off here; ask again with a new key", "answer_incomplete"
        )
        yield told_in_stream(fault, conversation, request_id)
        return
    ended: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": event.finish_reason}
    yield _event(conversation, event, [ended])
    if body.stream_options is not None and body.stream_options.include_usage:
        usage = _usage(event)
        yield event_of(_object(conversation, event, "chat.completion.chunk", [], usage))
    yield event_of(DONE)


def _event(conversation: str, event: MessageAppended, choices: list[Any]) -> bytes:
    return event_of(_object(conversation, event, "chat.completion.chunk", choices, None))


def _object(
    conversation: str, event: MessageAppended, kind: str, choices: list[Any], usage: Any
) -> bytes:
    told: dict[str, Any] = {
        "id": _decode(_completion(event).get("id", NULL)) or event.message_id,
        "object": kind,
        "created": int(event.created_at.timestamp()),
        "model": event.model,
        "choices": choices,
    }
    return with_conversation(
        _encode(told if usage is None else told | {"usage": usage}), conversation
    )


def _message(event: MessageAppended) -> dict[str, Any]:
    """As the model's service wrote it, to the letter of its values."""
    message: dict[str, Any] = {"role": "assistant", "content": event.content, "refusal": None}
    match _decode(event.content):
        case [{"type": "refusal", "refusal": str(refusal)}]:
            message |= {"content": None, "refusal": refusal}
        case _:
            pass
    if event.tool_calls != NULL:
        message["tool_calls"] = event.tool_calls
    extra: Fields = _fields(event.extra) if event.extra != NULL else {}
    return message | {name: value for name, value in extra.items() if name != COMPLETION}


def _delta(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if calls is None:
        return message
    numbered = [
        {"index": place, **call} for place, call in enumerate(msgspec.json.decode(calls, type=list[Fields]))
    ]  # fmt: skip
    return message | {"tool_calls": numbered}


def _completion(event: MessageAppended) -> Fields:
    extra: Fields = _fields(event.extra) if event.extra != NULL else {}
    return _fields(extra.get(COMPLETION, msgspec.Raw(b"{}")))


def _usage(event: MessageAppended) -> Any:
    """The service's own figures; else those that were counted."""
    told = _completion(event).get("usage")
    if told is not None:
        return told
    return {
        "prompt_tokens": event.input_tokens,
        "completion_tokens": event.output_tokens,
        "total_tokens": event.input_tokens + event.output_tokens,
    }
