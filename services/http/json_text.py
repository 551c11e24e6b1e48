"""What must hold of a JSON text before anything is made of it.

msgspec checks syntax and types; this checks what it leaves open where a value is kept as text: UTF-8, lone
surrogates, nesting.
"""

import re

from services.http.errors import bad_request

MAX_NESTING = 32
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPES = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def check_text(body: bytes) -> None:
    """Raises ApiError (400). Time is linear in the size; nothing recurses."""
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise bad_request(
                f"the body is not UTF-8 (byte {error.start}); send it as UTF-8", "invalid_encoding"
            ) from None
    if body.count(b"[") + body.count(b"{") > MAX_NESTING:
        _check_nesting(body)
    if b"\\u" in body and _SURROGATE.search(body):
        _check_surrogates(body)


def _check_nesting(body: bytes) -> None:
    depth = 0
    for match in _TOKENS.finditer(body):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise bad_request(
                    f"the body is nested deeper than {MAX_NESTING} levels; flatten it",
                    "nesting_too_deep",
                )
        elif token in b"]}":
            depth -= 1


def _check_surrogates(body: bytes) -> None:
    """A high surrogate must be followed at once by a low one, and a low one must follow a high one."""
    high_end = -1
    for match in _ESCAPES.finditer(body):
        unit = int(match[1], 16) if match[1] else 0
        expected_low = match.start() == high_end
        is_low = 0xDC00 <= unit <= 0xDFFF
        if high_end >= 0 and not (expected_low and is_low):
            raise _lone_surrogate()
        if is_low and high_end < 0:
            raise _lone_surrogate()
        high_end = match.end() if 0xD800 <= unit <= 0xDBFF else -1
    if high_end >= 0:
        raise _lone_surrogate()


def _lone_surrogate() -> Exception:
    return bad_request(
        "the body has half of a surrogate pair, which no text holds; send whole characters",
        "invalid_encoding",
    )
