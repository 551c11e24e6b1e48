"""An answer put together from the pieces of a stream."""

import json
from typing import Any

import msgspec

from domain.events import NULL
from services.gateway.answers import Choice, Completion, whole_characters
from services.gateway.refusals import unreadable_answer, upstream_error
from services.gateway.requests import Fields

MOST_TEXT = 8 << 20
"""Characters of a streamed answer that are kept."""

GROWING = ("arguments", "input", "transcript", "data")
"""Texts in the objects of a delta that come in pieces; others come whole, by some services again and again."""

Object = dict[str, Any]


class _Choice(msgspec.Struct):
    index: int = 0
    delta: dict[str, Any] | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    id: str | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Assembly:
    """What came so far of the first choice."""

    def __init__(self) -> None:
        self._fields: dict[str, list[str] | list[Any]] = {}
        """By the names in the deltas: pieces of text, or the entries of a list."""
        self._others: dict[str, Any] = {}
        self._calls: dict[int, Object] = {}
        self._size = 0
        self._id: str | None = None
        self._model: str | None = None
        self._usage = NULL
        self.finish_reason: str | None = None

    @property
    def is_empty(self) -> bool:
        return not (self._fields or self._others or self._calls)

    def take(self, data: bytes) -> None:
        """One chunk. Raises ApiError (502) for one that is none, or that tells of a fault."""
        chunk = _chunk(data)
        if chunk.error is not None:
            raise upstream_error("the model's service broke off with an error", "upstream_failed")
        self._id = self._id or chunk.id
        self._model = self._model or chunk.model
        if chunk.usage is not None:
            self._usage = msgspec.Raw(msgspec.json.encode(chunk.usage))
        for choice in chunk.choices:
            if choice.index == 0:
                self.finish_reason = choice.finish_reason or self.finish_reason
                for name, value in (choice.delta or {}).items():
                    self._add(name, value)

    def _add(self, name: str, value: Any) -> None:
        if name == "role" or value is None or value in ("", []):
            return
        self._grow(value)
        if name == "tool_calls" and isinstance(value, list):
            for call in value:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(call, dict):
                    self._add_call(call)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, str):
            self._fields.setdefault(name, []).append(value)
        elif isinstance(value, list):
            self._fields.setdefault(name, []).extend(value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, dict) and isinstance(self._others.setdefault(name, {}), dict):
            _merge(self._others[name], value)  # pyright: ignore[reportUnknownArgumentType]
        else:
            self._others[name] = value

    def _add_call(self, delta: Object) -> None:
        """A call's pieces share an index; a service that leaves it out sends whole calls."""
        index = delta.pop("index", None)
        if not isinstance(index, int):
            index = max(self._calls, default=-1) + 1
        _merge(self._calls.setdefault(index, {}), delta)

    def _grow(self, value: Any) -> None:
        self._size += len(value) if isinstance(value, str) else len(str(value))
        if self._size > MOST_TEXT:
            raise upstream_error(
                "the model's answer is larger than this service takes", "answer_too_large"
            )

    def completion(self, *, whole: bool) -> Completion:
        """As if it had come in one piece. Calls that were cut off can be made by nobody: they are kept apart."""
        message: dict[str, Any] = {"content": None}
        for name, pieces in self._fields.items():
            texts = [piece for piece in pieces if isinstance(piece, str)]
            message[name] = "".join(texts) if len(texts) == len(pieces) else pieces
        message |= self._others
        if self._calls:
            calls = [self._calls[index] for index in sorted(self._calls)]
            message["tool_calls" if whole else "broken_tool_calls"] = calls
        encoded = whole_characters(json.dumps(message, ensure_ascii=False)).encode()
        fields = msgspec.json.decode(encoded, type=Fields)
        return Completion([Choice(fields, self.finish_reason)], self._id, self._model, self._usage)


def _chunk(data: bytes) -> _Chunk:
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:  # half of a character as an escape: its other half may be in the next chunk
        return msgspec.convert(json.loads(data.decode("utf-8", "replace")), _Chunk)
    except (ValueError, RecursionError):
        raise unreadable_answer() from None


def _merge(known: Object, delta: Object) -> None:
    for name, value in delta.items():
        before = known.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)  # pyright: ignore[reportUnknownArgumentType]
        elif name in GROWING and isinstance(before, str) and isinstance(value, str):
            known[name] = before + value
        elif value or before is None:
            known[name] = value
