"""What can go wrong with a service of models, in this API's words.

What the service says of the request itself (400, 404, 413, 422) is the caller's to mend and goes out as 400 with the
service's own message; its rate limit goes out as 429 with its Retry-After. Whatever else it says is between it and
this service: 502, and 504 where it took too long.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec

from services.http.decode import CONTROL
from services.http.errors import ApiError

CALLERS = frozenset({400, 404, 413, 422})
MOST_MESSAGE = 1_000


class _Error(msgspec.Struct):
    message: Any = None
    code: Any = None
    param: Any = None


class _Envelope(msgspec.Struct):
    error: _Error


_decode = msgspec.json.Decoder(_Envelope).decode


def upstream_error(message: str, code: str, status: int = 502) -> ApiError:
    return ApiError(status, message, code)


@contextmanager
def told() -> Generator[None]:
    """Faults on the way to the service and back as ApiError (502, 504)."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException):
        raise upstream_error(
            "the model's service took too long; try again", "upstream_timeout", 504
        ) from None
    except httpx.ConnectError:
        raise upstream_error(
            "the model's service cannot be reached; try again", "upstream_unreachable"
        ) from None
    except (httpx.TransportError, httpx.DecodingError):
        raise upstream_error(
            "the model's service broke off its answer; try again", "upstream_broke_off"
        ) from None


def refusal(status: int, body: bytes, retry_after: int | None) -> ApiError:
    """From an answer that is not 200."""
    error = _error_in(body)
    said = _text(error.message)
    reason = f": {said}" if said else ""
    if status in CALLERS:
        return ApiError(
            400,
            f"the model's service refuses the request{reason}",
            _text(error.code) or "upstream_refused",
            _text(error.param) or None,
        )
    if status == 429:
        return ApiError(
            429,
            f"the model's service has too many requests{reason}",
            "upstream_rate_limited",
            retry_after=1 if retry_after is None else retry_after,
        )
    if status in (401, 403):
        return upstream_error(
            "the model's service refuses this service's key; tell who runs it",
            "upstream_unauthorized",
        )
    unwell = upstream_error(
        f"the model's service answered with status {status}; try again", "upstream_failed"
    )
    unwell.retry_after = retry_after
    return unwell


def unreadable_answer() -> ApiError:
    return upstream_error(
        "the model's service answered with something that is no chat completion; try again",
        "upstream_unreadable",
    )


def _error_in(body: bytes) -> _Error:
    try:
        return _decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Error()


def _text(value: Any) -> str:
    """Fit to be shown."""
    return CONTROL.sub(" ", value)[:MOST_MESSAGE] if isinstance(value, str) else ""
