"""Errors of the API: one tree, one envelope, one place that knows HTTP numbers."""

from typing import Literal

import msgspec

from domain import refusals as r
from eventstore import errors as es

ErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "authorization_error",
    "not_found",
    "already_exists",
    "conflict",
    "precondition_failed",
    "request_too_large",
    "idempotency_error",
    "rate_limit_exceeded",
    "upstream_error",
    "internal_error",
    "unavailable",
]

_TYPES: dict[int, ErrorType] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "authorization_error",
    404: "not_found",
    405: "invalid_request_error",
    406: "invalid_request_error",
    409: "conflict",
    412: "precondition_failed",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "idempotency_error",
    429: "rate_limit_exceeded",
    431: "request_too_large",
    500: "internal_error",
    502: "upstream_error",
    503: "unavailable",
    504: "upstream_error",
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
        kind: ErrorType | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.kind: ErrorType = kind or _TYPES[status]
        """The envelope's `type`."""
        self.headers: list[tuple[bytes, bytes]] = []
        """Those that this error needs beside the envelope's own."""


NO_RETRY = (b"x-should-retry", b"false")
"""The header by which OpenAI's clients are told not to send the same again by themselves."""


def bad_request(message: str, code: str = "invalid_request", param: str | None = None) -> ApiError:
    return ApiError(400, message, code, param)


REFUSALS: dict[type[r.Refusal], tuple[int, ErrorType, str]] = {
    r.ConversationNotFound: (404, "not_found", "conversation_not_found"),
    r.ConversationExists: (409, "already_exists", "already_exists"),
    r.ConversationIsDeleted: (409, "conflict", "conversation_deleted"),
    r.ConversationIsFull: (409, "conflict", "conversation_full"),
    r.MessageNotFound: (404, "not_found", "message_not_found"),
    r.MessageExists: (409, "already_exists", "already_exists"),
    r.BatchPartlyStored: (409, "already_exists", "already_exists"),
    r.UnmatchedToolCall: (400, "invalid_request_error", "unmatched_tool_call"),
    r.TooMuchMetadata: (400, "invalid_request_error", "too_much_metadata"),
    r.ContextBudgetTooSmall: (400, "invalid_request_error", "context_budget_too_small"),
    r.CompactionOvertaken: (409, "conflict", "compaction_overtaken"),
}
"""Status, `type` and `code` of every refusal; a test holds this complete."""


def missing_key() -> ApiError:
    return ApiError(
        401,
        "send your API key as `Authorization: Bearer <key>`; what the API offers is at /docs, without one",
        "missing_key",
    )


def from_refusal(refusal: r.Refusal) -> ApiError:
    status, kind, code = REFUSALS[type(refusal)]
    return ApiError(status, str(refusal), code, refusal.param, kind=kind)


def from_event_store(error: es.EventStoreError) -> ApiError:
    """Only states that pass: everything else the log says is handled before it comes here."""
    retry_after = getattr(error, "retry_after", 1)
    code = "overloaded" if isinstance(error, es.Overloaded) else "unavailable"
    return ApiError(503, str(error), code, retry_after=retry_after)


def to_be_mended(message: str, code: str) -> ApiError:
    """Until somebody does something here: a client that waits and tries again learns nothing new, and its user learns it late."""
    error = ApiError(503, message, code, retry_after=60)
    error.headers.append(NO_RETRY)
    return error


def unreadable() -> ApiError:
    """An event of the conversation is beyond this program: a fault of ours, not the caller's."""
    return to_be_mended(
        "this conversation waits for a fault of ours to be mended; its writes are safe",
        "conversation_parked",
    )


class ErrorBody(msgspec.Struct, omit_defaults=True):
    type: ErrorType
    message: str
    request_id: str
    code: str | None = None
    param: str | None = None
    retry_after_seconds: int | None = None


class ErrorEnvelope(msgspec.Struct):
    """What every error is answered with."""

    error: ErrorBody


_encode = msgspec.json.Encoder().encode
PERMANENT = frozenset({409, 412, 422})
"""Repeating such a request unchanged gives the same answer: clients are told not to, unless they are told when."""


def render(error: ApiError, request_id: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The envelope and the headers that go with it."""
    body = ErrorBody(
        error.kind, error.message, request_id, error.code, error.param, error.retry_after
    )
    headers = [(b"content-type", b"application/json"), *error.headers]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if error.status in PERMANENT and error.retry_after is None:
        headers.append(NO_RETRY)
    if error.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="verbatim"'))
    return _encode(ErrorEnvelope(body)), headers
