"""Bodies to typed structs, or a 400 that names the place; what query strings share with them."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from domain.events import NULL
from services.http.choices import choices_at
from services.http.errors import ApiError, bad_request
from services.http.json_text import check_text
from services.plain_words import in_plain_words

T = TypeVar("T")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AT = re.compile(r" - at (?:`key` in )?`\$?\.?(.*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`")
_MISSING = re.compile(r"^Object missing required field `(.*)`")
_OF_PAIR = re.compile(
    r"^Expected `str( \| null)?`(?: of length <= (\d+))?.* - at `\$\.(.*)\[\.\.\.\]`$"
)
_CHOICE = "Invalid enum value "

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


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
            fault = invalid(str(error), kind=kind)
            if key := _key_of(body, str(error)):
                fault.param = shown(f"{fault.param}.{key}")
            raise fault from None
        except msgspec.DecodeError as error:
            raise bad_request(f"the body is not valid JSON: {error}", "invalid_json") from None

    return decode_body


def _key_of(body: bytes, text: str) -> str:
    """Which key of metadata has no fit value: msgspec says `[...]`. Empty where that is not it, or a name stands twice."""
    told = _OF_PAIR.match(text)
    if told is None:
        return ""
    pairs = msgspec.Raw(body)
    try:
        for step in re.findall(r"[^.\[\]]+", told[3]):
            pairs = _items(pairs)[int(step)] if step.isdigit() else _fields(pairs)[step]
        for key, value in _fields(pairs).items():
            is_text = bytes(value).startswith(b'"')
            if told[2] is None:
                wrong = not is_text and not (told[1] and value == NULL)
            else:
                wrong = is_text and len(_text(value)) > int(told[2])
            if wrong:
                return key
    except (msgspec.ValidationError, LookupError):
        pass
    return ""


def refuse_control(text: str, param: str) -> None:
    """Raises ApiError (400 `invalid_characters`) for control characters and line separators."""
    if CONTROL.search(text):
        raise bad_request(
            "control characters are not allowed here; remove them",
            "invalid_characters",
            shown(param),
        )


def shown(name: str) -> str:
    """A name of the caller's, fit to be shown."""
    return CONTROL.sub("?", name)[:200]


def invalid(text: str, within: str = "", *, kind: Any = None) -> ApiError:
    """Msgspec's message, its path as `param`; `within` is where the value stands, `kind` its type."""
    place = ""
    at = _AT.search(text)
    if at is not None:
        text = text[: at.start()]
        place = at[1].replace("[...]", "")
    path = _join(within, place)
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
        text = _choose(kind, place) if text.startswith(_CHOICE) else in_plain_words(text)
    return bad_request(CONTROL.sub("?", text)[:500], code, shown(path) or None)


def _choose(kind: Any, place: str) -> str:
    choices = choices_at(kind, place) if kind is not None else []
    return f"expected one of {', '.join(choices)}" if choices else "expected another word here"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
