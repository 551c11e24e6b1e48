"""Errors of the API: one tree, one envelope, one place that knows HTTP numbers."""

import msgspec

from domain import refusals as r
from eventstore import errors as es

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "authorization_error",
    404: "not_found",
    405: "invalid_request_error",
    409: "conflict",
    412: "precondition_failed",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "idempotency_error",
    429: "rate_limit_exceeded",
    500: "internal_error",
    503: "unavailable",
}


class ApiError(Exception):
    """An answer that is not the one that was asked for; `message` says what to do."""

    def __init__(  # noqa: PLR0917 - the fields of the envelope
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        kind: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.kind = kind or _TYPES[status]
        """The envelope's `type`."""
        self.headers: list[tuple[bytes, bytes]] = []
        """Those that this error needs beside the envelope's own."""


def bad_request(message: str, code: str = "invalid_request", param: str | None = None) -> ApiError:
    return ApiError(400, message, code, param)


REFUSALS: dict[type[r.Refusal], tuple[int, str, str]] = {
    r.ConversationNotFound: (404, "not_found", "conversation_not_found"),
    r.ConversationExists: (409, "already_exists", "already_exists"),
    r.ConversationIsDeleted: (409, "conflict", "conversation_deleted"),
    r.ConversationIsFull: (409, "conflict", "conversation_full"),
    r.MessageNotFound: (404, "not_found", "message_not_found"),
    r.MessageExists: (409, "already_exists", "already_exists"),
    r.UnmatchedToolCall: (400, "invalid_request_error", "unmatched_tool_call"),
    r.TooMuchMetadata: (400, "invalid_request_error", "too_much_metadata"),
}
"""Status, `type` and `code` of every refusal; a test holds this complete."""


def from_refusal(refusal: r.Refusal) -> ApiError:
    status, kind, code = REFUSALS[type(refusal)]
    return ApiError(status, str(refusal), code, refusal.param, kind=kind)


def from_event_store(error: es.EventStoreError) -> ApiError:
    """Only states that pass: everything else the log says is handled before it comes here."""
    retry_after = getattr(error, "retry_after", 1)
    code = "overloaded" if isinstance(error, es.Overloaded) else "unavailable"
    return ApiError(503, str(error), code, retry_after=retry_after)


class _Body(msgspec.Struct, omit_defaults=True):
    type: str
    message: str
    request_id: str
    code: str | None = None
    param: str | None = None
    retry_after_seconds: int | None = None


class ErrorEnvelope(msgspec.Struct):
    """What every error is answered with."""

    error: _Body


_encode = msgspec.json.Encoder().encode
PERMANENT = frozenset({409, 412, 422})
"""Repeating such a request unchanged gives the same answer: clients are told not to."""


def render(error: ApiError, request_id: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The envelope and the headers that go with it."""
    body = _Body(error.kind, error.message, request_id, error.code, error.param, error.retry_after)
    headers = [(b"content-type", b"application/json"), *error.headers]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if error.status in PERMANENT:
        headers.append((b"x-should-retry", b"false"))
    if error.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="verbatim"'))
    return _encode(ErrorEnvelope(body)), headers
