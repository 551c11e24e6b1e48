"""An endpoint, described once: routing, scope check, decoding and the OpenAPI document all come from it."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from services.http.keys import Principal, Scope

QueryT = TypeVar("QueryT")
BodyT = TypeVar("BodyT")

Headers = list[tuple[bytes, bytes]]


class NoQuery(msgspec.Struct, frozen=True):
    """An endpoint without query parameters refuses all."""


class Call(msgspec.Struct, Generic[QueryT, BodyT]):
    """One request, decoded."""

    principal: Principal
    request_id: str
    path: dict[str, Any]
    query: QueryT
    body: BodyT
    method: str
    raw_path: str
    raw_body: bytes
    headers: dict[bytes, bytes]
    """Lower-case names; of a repeated header, the last."""

    @property
    def workspace(self) -> str:
        return self.principal.workspace


class Answer(msgspec.Struct):
    body: bytes
    status: int = 200
    headers: Headers = []
    media_type: bytes = b"application/json"


class Endpoint(msgspec.Struct, frozen=True):
    """`path` in Litestar's notation; `answer` is the struct that `body` holds, for the document."""

    method: str
    path: str
    scope: Scope
    handle: Callable[[Any], Awaitable[Answer]]
    summary: str
    answer: Any
    status: int = 200
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    notes: str = ""


def data(value: bytes) -> bytes:
    """A single object's envelope around its JSON."""
    return b'{"data":' + value + b"}"
