"""The parts of the OpenAPI document that all endpoints share: headers, parameters, errors."""

from typing import Any

Json = dict[str, Any]


def _header(description: str, kind: str = "string", **more: Any) -> Json:
    return {"schema": {"type": kind, **more}, "description": description}


HEADERS: dict[str, Json] = {
    "X-Request-ID": _header("The request's id: the caller's own, or a minted one."),
    "X-RateLimit-Limit": _header(
        "The tighter of the key's and the workspace's limit: cost a minute, counted in each process.",
        "integer",
    ),
    "X-RateLimit-Remaining": _header("What is left of it.", "integer"),
    "X-RateLimit-Reset": _header("When it is whole again, in Unix seconds.", "integer"),
    "ETag": _header('The conversation\'s version, such as `"7"`: for `If-Match`.'),
    "X-Conversation-Id": _header("The conversation that the answer belongs to."),
    "X-Event-Position": _header("The write's place in the whole log.", "integer"),
    "X-Projection-Position": _header("How far the read model had taken in the log.", "integer"),
    "Idempotent-Replayed": _header("`true` where this is the first answer again."),
    "Content-Disposition": _header("`attachment`, with a name for the file."),
    "Retry-After": _header("Seconds after which to try again.", "integer"),
    "X-Should-Retry": _header("`false`: the same request gives the same answer."),
    "WWW-Authenticate": _header("How to authenticate."),
    "Allow": _header("The methods that the path knows."),
}
LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "The same request with the same key within 24 hours is done once and answered again.",
    "example": "order-4711-turn-3",
}
IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[0-9]{1,18}")$'},
    "description": "The version the conversation must have, as its ETag gave it; else 412.",
    "example": '"7"',
}
CONSISTENCY: list[Json] = [
    {
        "name": "X-Consistency",
        "in": "header",
        "schema": {"type": "string", "enum": ["strong", "eventual"], "default": "strong"},
        "description": "`eventual` reads at once, without waiting for writes acknowledged before.",
    },
    {
        "name": "X-Min-Position",
        "in": "header",
        "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999_999},
        "description": "Wait for this position of the log only; one beyond the log's head is refused.",
    },
]

# Status, component's name, what it means, codes, headers beside the usual ones.
_ERRORS: list[tuple[int, str, str, str, str, tuple[str, ...]]] = [
    (400, "BadRequest", "invalid_request_error", "invalid_value", "Something in the request is wrong; `param` names it.", ()),
    (401, "Unauthenticated", "authentication_error", "invalid_key", "The API key is missing, malformed, unknown, revoked or expired.", ("WWW-Authenticate",)),
    (403, "Forbidden", "authorization_error", "missing_scope", "The key lacks the scope that this needs.", ()),
    (404, "NotFound", "not_found", "conversation_not_found", "There is no such thing in the key's workspace.", ()),
    (405, "MethodNotAllowed", "invalid_request_error", "method_not_allowed", "The path does not know this method.", ("Allow",)),
    (406, "NotAcceptable", "invalid_request_error", "not_acceptable", "The endpoint answers with no media type that `Accept` allows.", ()),
    (409, "Conflict", "conflict", "conversation_deleted", "The id is in use, or the conversation's state does not allow it.", ("X-Should-Retry",)),
    (412, "PreconditionFailed", "precondition_failed", "version_mismatch", "The conversation has moved on from the version in `If-Match`.", ("X-Should-Retry",)),
    (413, "TooLarge", "request_too_large", "request_too_large", "The body is larger than the service takes.", ()),
    (415, "UnsupportedMediaType", "invalid_request_error", "unsupported_media_type", "The body is not declared as JSON in UTF-8.", ()),
    (422, "KeyReused", "idempotency_error", "idempotency_key_reused", "The idempotency key was used for another request.", ("X-Should-Retry",)),
    (429, "TooManyRequests", "rate_limit_exceeded", "rate_limit_exceeded", "The key's or the workspace's limit is used up.", ("Retry-After",)),
    (502, "UpstreamFailed", "upstream_error", "upstream_failed", "A model's service cannot be reached, or answers with a fault.", ()),
    (503, "Unavailable", "unavailable", "projection_lagging", "A state that passes; nothing was written.", ("Retry-After", "X-Should-Retry")),
    (504, "UpstreamTimeout", "upstream_error", "upstream_timeout", "A model's service took too long.", ()),
]  # fmt: skip
_NAMES = {status: name for status, name, *_ in _ERRORS}


def responses() -> Json:
    """`components/responses`: an example each."""
    return {
        name: {
            "description": text,
            "headers": refer("headers", "X-Request-ID", *(() if status == 401 else LIMITS), *more),
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/ErrorEnvelope"},
                    "example": {
                        "error": {
                            "type": kind,
                            "message": text,
                            "request_id": "req_01a20b61925179da840be8e1ad7816fb",
                            "code": code,
                            **({"retry_after_seconds": 1} if "Retry-After" in more else {}),
                        }
                    },
                }
            },
        }
        for status, name, kind, code, text, more in _ERRORS
    }


def errors(*statuses: int) -> Json:
    """An operation's error responses."""
    return {
        str(status): {"$ref": f"#/components/responses/{_NAMES[status]}"} for status in statuses
    }


def refer(kind: str, *names: str) -> Json:
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}
