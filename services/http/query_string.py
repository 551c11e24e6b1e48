"""Query strings to typed structs, or a 400 that names the parameter."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect

from services.http.decode import invalid, refuse_control, shown
from services.http.errors import ApiError, bad_request

StructT = TypeVar("StructT", bound=msgspec.Struct)

_KEYED = re.compile(r"([a-z_]+)\[(.*)\]", re.DOTALL)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def _truth(text: str) -> bool:
    return _TRUTHS[text.lower()]


class _Form(NamedTuple):
    """How a kind of value is written, and read."""

    pattern: re.Pattern[str]
    read: Callable[[str], Any]
    told: str


# Written out, as msgspec's own lax reading takes more: 1e1 and 5.0 for an integer, Unix seconds for a time, and the
# word null for any value that may be left out, be it a user's id.
_FORMS = {
    inspect.IntType: _Form(
        re.compile(r"-?[0-9]{1,18}"), int, "expected an integer, written in digits (at most 18)"
    ),
    inspect.BoolType: _Form(
        re.compile("|".join(_TRUTHS), re.IGNORECASE),
        _truth,
        "expected true or false",
    ),
    inspect.DateTimeType: _Form(
        re.compile(r"[0-9-]+[Tt ][0-9:.]+(?:[Zz]|[+-][0-9:]+)"),
        str,
        "expected an RFC 3339 time with an offset, such as 2027-01-01T00:00:00Z (write + as %2B)",
    ),
}


def query_decoder(kind: type[StructT]) -> Callable[[bytes], StructT]:
    """A function from a raw query string to the struct. It raises ApiError (400)."""
    fields = {field.encode_name: _plain(field.type) for field in _fields(kind)}
    maps = {name for name, types in fields.items() if inspect.DictType in types}
    lists = {name for name, types in fields.items() if inspect.ListType in types}
    forms = {
        name: form
        for name, types in fields.items()
        for wanted, form in _FORMS.items()
        if wanted in types
    }

    def decode_query(raw: bytes) -> StructT:
        values = _values(raw, fields.keys(), maps, lists) if raw else {}
        for name, form in forms.items():
            if name in values:
                if form.pattern.fullmatch(values[name]) is None:
                    raise bad_request(form.told, "invalid_value", name)
                values[name] = form.read(values[name])
        try:
            return msgspec.convert(values, kind)
        except msgspec.ValidationError as error:
            raise invalid(str(error), kind=kind) from None

    return decode_query


def _fields(kind: Any) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - what the signature says
    return info.fields


def _plain(info: inspect.Type) -> set[type[inspect.Type]]:
    """The kinds of value that it may be."""
    match info:
        case inspect.UnionType():
            return {kind for one in info.types for kind in _plain(one)}
        case inspect.Metadata():
            return _plain(info.type)
        case _:
            return {type(info)}


def _values(raw: bytes, names: Any, maps: set[str], lists: set[str]) -> dict[str, Any]:
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise bad_request(
            "the query string is not percent-encoded UTF-8; encode it", "invalid_encoding"
        ) from None
    values: dict[str, Any] = {name: {} for name in maps}
    for name, value in pairs:
        if (many := name.removesuffix("[]")) in lists:
            refuse_control(value, many)
            values.setdefault(many, []).append(value)
            continue
        keyed = _KEYED.fullmatch(name)
        known = keyed[1] if keyed else name
        if known not in names or (keyed is not None and known not in maps):
            raise _unknown(name)
        if known in maps and keyed is None:
            raise bad_request(f"write {known}[key]=value", "invalid_value", known)
        refuse_control(value, name)
        target: dict[str, Any] = values[known] if keyed else values
        key = keyed[2] if keyed else name
        if key in target:
            raise bad_request("give this query parameter once", "repeated_parameter", shown(name))
        refuse_control(key, name)
        target[key] = value
    return {name: value for name, value in values.items() if value != {}}


def _unknown(name: str) -> ApiError:
    return bad_request(
        "there is no such query parameter here; check its name", "unknown_parameter", shown(name)
    )
