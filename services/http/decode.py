"""Bodies and query strings to typed structs, or a 400 that names the place."""

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from services.http.errors import ApiError, bad_request
from services.http.json_text import check_text

T = TypeVar("T")
StructT = TypeVar("StructT", bound=msgspec.Struct)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AT = re.compile(r" - at `(key in )?\$?\.?(.*?)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`")
_MISSING = re.compile(r"^Object missing required field `(.*)`")
_QUERY_MAP = re.compile(r"([a-z_]+)\[(.*)\]")


def body_decoder(kind: type[T]) -> Callable[[bytes], T]:
    """A function from a body to the struct. It raises ApiError (400)."""
    decode = msgspec.json.Decoder(kind).decode

    def decode_body(body: bytes) -> T:
        if not body.strip():
            raise bad_request("the body is empty; send a JSON object", "empty_body")
        check_text(body)
        try:
            return decode(body)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except msgspec.DecodeError as error:
            raise bad_request(f"the body is not valid JSON: {error}", "invalid_json") from None

    return decode_body


def query_decoder(kind: type[StructT]) -> Callable[[bytes], StructT]:
    """A function from a raw query string to the struct. It raises ApiError (400)."""
    names = {field.encode_name for field in msgspec.structs.fields(kind)}

    def decode_query(raw: bytes) -> StructT:
        values = _query_values(raw, names) if raw else {}
        try:
            return msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None

    return decode_query


def _query_values(raw: bytes, names: set[str]) -> dict[str, Any]:
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise bad_request(
            "the query string is not percent-encoded UTF-8; encode it", "invalid_encoding"
        ) from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        inner = _QUERY_MAP.fullmatch(name)
        known = inner[1] if inner else name
        if known not in names:
            raise bad_request(
                "there is no such query parameter here; check its name",
                "unknown_parameter",
                _shown(name),
            )
        refuse_control(value, name)
        target: dict[str, Any] = values.setdefault(known, {}) if inner else values
        key = inner[2] if inner else name
        if key in target:
            raise bad_request("give this query parameter once", "repeated_parameter", _shown(name))
        refuse_control(key, name)
        target[key] = value
    return values


def refuse_control(text: str, param: str) -> None:
    """Raises ApiError (400 `invalid_characters`) for control characters and line separators."""
    if CONTROL.search(text):
        raise bad_request(
            "control characters are not allowed here; remove them",
            "invalid_characters",
            _shown(param),
        )


def _shown(name: str) -> str:
    """A name of the caller's, fit to be shown."""
    return CONTROL.sub("?", name)[:200]


def _invalid(text: str) -> ApiError:
    """Msgspec's message, its path as `param`."""
    path = ""
    at = _AT.search(text)
    if at is not None:
        text = text[: at.start()]
        path = at[2].replace("[...]", "")
    unknown = _UNKNOWN.match(text)
    missing = _MISSING.match(text)
    if unknown is not None:
        path, code = _join(path, unknown[1]), "unknown_field"
        text = "there is no such field here; check its name"
    elif missing is not None:
        path, code = _join(path, missing[1]), "missing_field"
        text = "this field is required"
    else:
        code = "invalid_value"
        text = text[:1].lower() + text[1:].replace("`", "")
    return bad_request(CONTROL.sub("?", text)[:500], code, _shown(path) or None)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
