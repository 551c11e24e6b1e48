"""JSON as lines that can be read one by one: `path: key=value, key=value`."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

LINE = 120
"""Characters after which a line of fields ends: a long record is picked from in parts."""
MOST_NESTING = 60

_decode = msgspec.json.Decoder().decode


def parsed(text: str) -> Any:
    """The object or array that this text is, or None: a number or a string is read as the text it is."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def flattened(value: Any) -> list[str]:
    """An object or array as lines; what is empty leaves none."""
    return list(_lines(value, "", 0))


def _lines(value: Any, path: str, depth: int) -> Iterator[str]:
    fields: list[tuple[str, str]] = []
    inner: list[tuple[str, Any]] = []
    for key, item in _items(value):
        if isinstance(item, dict | list) and depth < MOST_NESTING and not _is_flat(item):
            inner.append((key, cast("Any", item)))
        else:
            fields.append((key, _shown(item)))
    yield from _joined(fields, path, is_list=isinstance(value, list))
    for key, item in inner:
        yield from _lines(item, f"{path}.{key}" if path else key, depth + 1)


def _items(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).items())
    return [(str(index), item) for index, item in enumerate(cast("list[Any]", value))]


def _is_flat(value: Any) -> bool:
    """A list of scalars stands in one field."""
    if not isinstance(value, list):
        return False
    items = cast("list[Any]", value)
    return len(items) <= 30 and not any(isinstance(item, dict | list) for item in items)


def _joined(fields: list[tuple[str, str]], path: str, *, is_list: bool) -> Iterator[str]:
    prefix = f"{path}: " if path else ""
    line = ""
    for key, text in fields:
        field = text if is_list else f"{key}={text}"
        if line and len(line) + len(field) > LINE:
            yield prefix + line
            line = ""
        line = f"{line}, {field}" if line else field
    if line:
        yield prefix + line


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\n", " ").replace("\r", " ")
    if isinstance(value, list) and _is_flat(value):
        return f"[{', '.join(_shown(item) for item in cast('list[Any]', value))}]"
    return msgspec.json.encode(value).decode()
