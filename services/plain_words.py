"""Msgspec's words for what is wrong with a value, as those who know JSON but no Python say it."""

import re
from collections.abc import Callable

KINDS = {
    "array": "an array",
    "bool": "true or false",
    "date": "a day, such as 2027-01-31",
    "datetime": "an RFC 3339 time with an offset, such as 2027-01-01T00:00:00Z",
    "float": "a number",
    "int": "an integer",
    "null": "null",
    "object": "an object",
    "str": "a string",
}
UNITS = {"array": "item", "object": "pair", "str": "character"}
GOT = {"bool": "a boolean", "date": "a day", "datetime": "a time"}
ENDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}

_SIZE = re.compile(r"Expected `(\w+)` of length (>=|<=) (\d+)$")
_END = re.compile(r"Expected `(\w+)` (>=|<=|>|<) (\S+)$")
_OTHER = re.compile(r"Expected `([\w |]+)`(?:, got `(\w+)`)?$")
_MOMENT = re.compile(r"(?:Invalid RFC3339 encoded |Expected `)(date|datetime)\b")


def in_plain_words(text: str) -> str:
    """Text of msgspec's without its place; what is not known here stays as it is."""
    for pattern, say in _FORMS:
        found = pattern.match(text)
        if found is not None:
            return say(found)
    return text[:1].lower() + text[1:].replace("`", "")


def _size(found: re.Match[str]) -> str:
    kind, end, count = found.groups()
    many = "" if count == "1" else "s"
    return f"expected {_name(kind)} of {ENDS[end]} {count} {UNITS.get(kind, 'item')}{many}"


def _end(found: re.Match[str]) -> str:
    kind, end, limit = found.groups()
    return f"expected {_name(kind)} of {ENDS[end]} {limit}"


def _other(found: re.Match[str]) -> str:
    wanted, got = found.groups()
    names = " or ".join(_name(kind) for kind in wanted.split(" | "))
    return f"expected {names}" + (f", not {GOT.get(got, _name(got))}" if got else "")


def _moment(found: re.Match[str]) -> str:
    return f"expected {_name(found[1])}"


def _name(kind: str) -> str:
    return KINDS.get(kind, kind)


_FORMS: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (_SIZE, _size),
    (_END, _end),
    (_OTHER, _other),
    (_MOMENT, _moment),
]
