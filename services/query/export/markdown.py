"""An export for people. What was written stands in fences: shown as it came, and ended where it ends."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from domain import resources as res
from services.query.export.writing import Counts, Head, Part

_TICKS = re.compile("`+")
_HIDDEN = ("title", "compaction", "version")
_SHOWN = (
    "id",
    "name",
    "model",
    "tool_call_id",
    "finish_reason",
    "incomplete",
    "cost_cents",
    "metadata",
)
_decode_message = msgspec.json.Decoder(res.Message).decode
_decode_summary = msgspec.json.Decoder(res.Summary).decode


class MarkdownWriter:
    media_type, suffix = "text/markdown; charset=utf-8", "md"

    def __init__(self) -> None:
        self._part: Part = "messages"

    def begin(self, head: Head) -> bytes:
        kind = "conversation" if head.conversation_id else "user" if head.user_id else "workspace"
        subject = head.conversation_id or head.user_id or head.workspace
        return (
            f"# Export of {kind} {_in_line(subject)}\n\n"
            f"Workspace {_in_line(head.workspace)}, as of {_json(head.exported_at)[1:-1]}"
            f" and position {head.log_position} of the log.\n"
        ).encode()

    def open(self, conversation: bytes) -> bytes:
        shown: dict[str, Any] = msgspec.json.decode(conversation)
        title = " ".join(str(shown["title"] or shown["id"]).split())
        rows = {name: value for name, value in shown.items() if name not in _HIDDEN}
        return f"\n## {title}\n\n{_rows(rows)}\n".encode()

    def part(self, name: Part) -> bytes:
        self._part = name
        return b""

    def items(self, items: Sequence[bytes]) -> bytes:
        show = {"messages": _message, "summaries": _summary, "events": _event}[self._part]
        return "".join(map(show, items)).encode()

    def close(self) -> bytes:
        return b""

    def end(self, counts: Counts) -> bytes:
        told = ", ".join(f"{n} {name}" for name, n in msgspec.structs.asdict(counts).items())
        return f"\n---\n\nEnd of the export: {told}.\n".encode()


def _message(item: bytes) -> str:
    message = _decode_message(item)
    marks = [name[3:] for name in ("is_pinned", "is_compacted") if getattr(message, name)]
    at = _json(message.created_at)[1:-1]
    heading = " · ".join([f"{message.sequence} · {message.role} · {at}", *marks])
    rows = _rows({name: getattr(message, name) for name in _SHOWN})
    parts = [f"\n### {heading}\n", rows, *_content(message.content)]
    for name in ("tool_calls", "extra"):
        given = bytes(getattr(message, name))
        if given != b"null":
            parts.append(f"{name}:\n\n{_fenced(given.decode(), 'json')}")
    return "\n\n".join(parts).replace("\n\n\n", "\n\n", 1) + "\n"


def _content(content: msgspec.Raw) -> Iterator[str]:
    raw = bytes(content)
    if raw.startswith(b'"'):
        yield _fenced(msgspec.json.decode(raw, type=str))
    elif raw != b"null":
        for part in msgspec.json.decode(raw, type=list[msgspec.Raw]):
            told: dict[str, Any] = msgspec.json.decode(part)
            text = told.get("text") if told.get("type") == "text" else None
            yield _fenced(text) if isinstance(text, str) else _fenced(bytes(part).decode(), "json")


def _summary(item: bytes) -> str:
    summary = _decode_summary(item)
    span = f"messages {summary.first_sequence} to {summary.last_sequence}"
    rows = {name: getattr(summary, name) for name in ("id", "strategy", "created_at", "superseded")}
    return f"\n### Summary of {span}\n\n{_rows(rows)}\n\n{_fenced(summary.content)}\n"


def _event(item: bytes) -> str:
    event: dict[str, Any] = msgspec.json.decode(item)
    return f"\n### Event {event['version']} · {event['type']}\n\n{_fenced(item.decode(), 'json')}\n"


def _rows(values: dict[str, Any]) -> str:
    shown = {
        name: value for name, value in values.items() if value not in (None, msgspec.UNSET, {})
    }
    return "\n".join(
        f"- {name}: {_in_line(value if isinstance(value, str) else _json(value))}"
        for name, value in shown.items()
    )


def _fenced(text: str, language: str = "") -> str:
    """In a fence longer than any in the text."""
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _in_line(text: str) -> str:
    ticks = "`" * (_longest(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest(text: str) -> int:
    """Of its runs of back-ticks."""
    return max(map(len, _TICKS.findall(text)), default=0)


def _json(value: Any) -> str:
    return res.encode(value).decode()
