"""From a request to an endpoint's Call: key, scope, media types, query and body."""

from collections.abc import Callable
from typing import Any

from services.http.accept import accepts_media
from services.http.decode import body_decoder
from services.http.endpoint import Call, Endpoint, NoBody, NoQuery
from services.http.errors import ApiError, missing_key
from services.http.query_string import query_decoder
from services.http.sender import RequestState

JSON_TYPES = (b"application/json", b"application/merge-patch+json")


def caller(endpoint: Endpoint) -> Callable[[Any, RequestState], Call[Any, Any]]:
    """From a request's scope to the endpoint's Call. It raises ApiError."""
    decode_query = query_decoder(endpoint.query)
    decode_body = body_decoder(endpoint.body) if endpoint.body is not None else None
    decode_nothing = body_decoder(NoBody)
    no_query = NoQuery() if endpoint.query is NoQuery else None

    def call(scope: Any, state: RequestState) -> Call[Any, Any]:
        principal = state.principal
        if principal is None:
            raise missing_key()
        if endpoint.scope not in principal.scopes:
            raise ApiError(
                403,
                f"this key lacks the scope `{endpoint.scope}`; use a key that has it",
                "missing_scope",
            )
        if not accepts_media(state.headers.get(b"accept", b""), endpoint.media_types):
            raise ApiError(
                406,
                f"this endpoint answers with {' or '.join(endpoint.media_types)}; accept that",
                "not_acceptable",
                "Accept",
            )
        raw_query: bytes = scope["query_string"]
        query = no_query if no_query is not None and not raw_query else decode_query(raw_query)
        body = None
        if endpoint.body is not None and not endpoint.needs_body and not state.body.strip():
            body = endpoint.body()
        elif decode_body is not None:
            _check_content(state.headers)
            body = decode_body(state.body)
        elif state.body.strip():
            _check_content(state.headers)
            decode_nothing(state.body)
        return Call(
            principal,
            state.request_id,
            scope["path_params"],
            query,
            body,
            state.method,
            scope["path"],
            state.body,
            state.headers,
            scope["raw_path"],
        )

    return call


def _check_content(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ApiError(
            415,
            "send the body as it is, without Content-Encoding",
            "unsupported_content_encoding",
            "Content-Encoding",
        )
    given = headers.get(b"content-type")
    if given is None or given == b"application/json":
        return
    media_type, _, parameters = given.lower().partition(b";")
    charset = parameters.partition(b"charset=")[2].strip(b' "')
    if media_type.strip() not in JSON_TYPES or charset not in (b"", b"utf-8", b"utf8"):
        raise ApiError(
            415,
            "send the body as `Content-Type: application/json`, in UTF-8",
            "unsupported_media_type",
        )
