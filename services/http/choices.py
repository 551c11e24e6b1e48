"""What a place in a body or a query may hold: msgspec says that a word is none of the choices, not what these are."""

import re
from functools import cache
from typing import Any

from msgspec import inspect

_STEP = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


def choices_at(kind: Any, path: str) -> list[str]:
    """The words that may stand at a JSON path (`messages[0].role`) of a value of this type; [] where any may."""
    return _choices(_info(kind), _STEP.findall(path))


@cache
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _choices(info: inspect.Type, steps: list[str]) -> list[str]:
    match info:
        case inspect.UnionType():
            return [word for one in info.types for word in _choices(one, steps)]
        case inspect.LiteralType() if not steps:
            return [str(value) for value in info.values]
        case inspect.StructType() if steps:
            field = next((f for f in info.fields if f.encode_name == steps[0]), None)
            return _choices(field.type, steps[1:]) if field is not None else []
        case inspect.ListType() if steps:
            return _choices(info.item_type, steps[1:])
        case inspect.Metadata():
            return _choices(info.type, steps)
        case _:
            return []
