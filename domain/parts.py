"""Content parts as OpenAI's Responses write them and as its chat completions do.

Going over, a part leaves behind a rest: what its other form does not tell. A rest that is as usual is null; put
together again, other form and rest are the part as it came.
"""

from typing import Any

import msgspec

from domain.events import NULL

Fields = dict[str, msgspec.Raw]

CARRIED = ("file_id", "file_data", "filename")
"""Of a file: what both forms name alike."""

encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(Fields).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_rests = msgspec.json.Decoder(list[Fields | None]).decode
_decode = msgspec.json.Decoder().decode

EMPTY = msgspec.Raw(b'""')
NOTHING = msgspec.Raw(b"[]")
USUAL_TEXT: dict[bool, Fields] = {
    False: {"type": msgspec.Raw(b'"input_text"')},
    True: {
        "type": msgspec.Raw(b'"output_text"'),
        "annotations": NOTHING,
        "logprobs": NOTHING,
    },
}
"""The rest of a text as it usually is, by whether an assistant says it."""
USUAL_IMAGE: Fields = {"type": msgspec.Raw(b'"input_image"')}
USUAL_FILE: Fields = {"type": msgspec.Raw(b'"input_file"')}


def text_of(raw: bytes) -> str | None:
    """The JSON string; None for anything else."""
    value = _value(raw)
    return value if isinstance(value, str) else None


def _value(raw: bytes) -> Any:
    """None also for what holds a number that no float does, which is JSON and may be kept."""
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        return None


def chat_parts(content: msgspec.Raw, role: str) -> tuple[msgspec.Raw, msgspec.Raw | None]:
    """A text or an array of parts as chat completions take it, and the rests of the parts where one is unusual.

    One text alone is a text; of a tool's output, where both are usual, the rests tell which it was. What is neither is
    left to whoever checks messages.
    """
    if bytes(content).lstrip()[:1] != b"[":
        return content, None
    over = [_over(part, speaks=role == "assistant") for part in _raws(content)]
    if not over:
        return EMPTY, NOTHING
    rests = [rest for _, rest in over]
    usual = role != "tool" and all(rest is None for rest in rests)
    kept = None if usual else msgspec.Raw(encode(rests))
    match [_value(part) for part, _ in over]:
        case [{"type": "text", "text": str(text), **more}] if not more:
            return msgspec.Raw(encode(text)), kept
        case _:
            return msgspec.Raw(encode([part for part, _ in over])), kept


def _over(raw: msgspec.Raw, *, speaks: bool) -> tuple[msgspec.Raw, Fields | None]:
    """One part in the other form, and its rest where that is unusual."""
    match _value(raw):
        case {"type": "input_text" | "output_text" | "text", "text": str()}:
            part = _fields(raw)
            made: Fields = {"type": _raw("text"), "text": part.pop("text")}
            usual = USUAL_TEXT[speaks]
        case {"type": "input_image", "image_url": str()}:
            part = _fields(raw)
            image = {"url": part.pop("image_url")}
            if "detail" in part:
                image["detail"] = part.pop("detail")
            made, usual = {"type": _raw("image_url"), "image_url": _raw(image)}, USUAL_IMAGE
        case {"type": "input_file", "file_id": str()} | {"type": "input_file", "file_data": str()}:
            part = _fields(raw)
            file = {name: part.pop(name) for name in CARRIED if part.get(name, NULL) != NULL}
            made, usual = {"type": _raw("file"), "file": _raw(file)}, USUAL_FILE
        case _:
            return raw, None
    return _raw(made), None if part == usual else part


def item_parts(
    content: msgspec.Raw, role: str, rests: msgspec.Raw | None, *, is_output: bool = False
) -> msgspec.Raw:
    """The other way round. A message's text is an array of one part, a tool's output stays a text."""
    kept = _kept(rests)
    if kept == []:
        return NOTHING
    if bytes(content).lstrip()[:1] == b"[":
        parts = _raws(content)
    elif is_output and kept is None:
        return content
    else:
        parts = [] if content == NULL else [_raw({"type": _raw("text"), "text": content})]
    speaks = role == "assistant"
    return _raw(
        [
            _back(part, kept[place] if kept and place < len(kept) else None, speaks=speaks)
            for place, part in enumerate(parts)
        ]
    )


def _kept(rests: msgspec.Raw | None) -> list[Fields | None] | None:
    try:
        return None if rests is None else _rests(rests)
    except msgspec.ValidationError:  # a caller's own `extra`
        return None


def _back(raw: msgspec.Raw, rest: Fields | None, *, speaks: bool) -> msgspec.Raw:
    match _value(raw):
        case {"type": "text", "text": str()}:
            part = _fields(raw)
            del part["type"]
            return _raw((USUAL_TEXT[speaks] if rest is None else rest) | part)
        case {"type": "image_url", "image_url": {"url": str()} as image}:
            own = {name: _fields(_fields(raw)["image_url"])[name] for name in image}  # pyright: ignore[reportUnknownVariableType]
            url = own.pop("url")
            own.setdefault("detail", _raw("auto"))
            return _raw((rest or USUAL_IMAGE) | {"image_url": url} | own)
        case {"type": "file", "file": dict()}:
            return _raw((rest or USUAL_FILE) | _fields(_fields(raw)["file"]))
        case _:
            return raw


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(encode(value))
