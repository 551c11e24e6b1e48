"""An endpoint, described once: routing, scope check, decoding and the OpenAPI document all come from it."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from services.http.keys import Principal, Scope

QueryT = TypeVar("QueryT")
BodyT = TypeVar("BodyT")

Headers = list[tuple[bytes, bytes]]


PARAMETER = re.compile(r"\{([a-z_]+)(?::str|:path)?\}")
"""In a path; one of kind `path` takes slashes, too."""


class NoQuery(msgspec.Struct, frozen=True):
    """An endpoint without query parameters refuses all."""


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An endpoint that needs no body takes none, or an empty object."""


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
    target: bytes
    """The path as it came, still encoded: the framework makes one of several slashes, and of a last one none."""
    own_key: str | None = None
    """An idempotency key that was made for it, where the caller gave none."""

    @property
    def workspace(self) -> str:
        return self.principal.workspace


Body = bytes | AsyncGenerator[bytes]
"""Ready, or made while it is sent. A generator is closed when the client hangs up, stalls, or the process ends; what it
raises before its first bytes is answered as an error, later it breaks the answer off without an end."""


class Answer(msgspec.Struct):
    body: Body
    status: int = 200
    headers: Headers = []
    media_type: bytes = b"application/json"
    farewell: bytes = b""
    """Of bytes made while they are sent: what ends them where the process does. Without it they break off."""


Write = Callable[[], None]
Answered = Callable[[Answer | Exception | None], Write | None]
"""Takes the answer of what was begun at once, or why there is none; None has the request done from the beginning, the ordinary way.
What it gives back is to be called in the same turn of the loop: answers that are written one behind the other wake their clients once."""
AtOnce = Callable[[Any, Answered], bool]
"""Begins a call without waiting for anything. Whether it did: else, and where it raises, nothing has happened."""


class Endpoint(msgspec.Struct, frozen=True):
    """`path` in Litestar's notation; `answer` is the struct that `body` holds, for the document."""

    method: str
    path: str
    scope: Scope
    handle: Callable[[Any], Awaitable[Answer]]
    summary: str
    answer: Any
    at_once: AtOnce | None = None
    """A shorter way, for the calls that it takes."""
    status: int = 200
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    needs_body: bool = True
    """Without it, a request that has none is one whose fields are all left out."""
    notes: str = ""
    cost: int = 1
    """Of the rate limits."""
    also: tuple[int, ...] = ()
    """Further statuses of an answer of the same shape."""
    tag: str = "conversations"
    media_types: tuple[str, ...] = ("application/json",)
    """What it can answer with; a request that accepts none of them is refused before anything is done."""
    asks_model: bool = False
    """Whether a model's service may have to be asked first: its faults are 502 and 504."""
    headers: tuple[str, ...] = ()
    """Of its answers, beside those that all of its kind have."""
    example_body: Any = None
    example_answer: Any = None


def plain_path(path: str) -> str:
    """Without what Litestar is told of the parameters."""
    return PARAMETER.sub(r"{\1}", path)


def data(value: bytes) -> bytes:
    """A single object's envelope around its JSON."""
    return b'{"data":' + value + b"}"


def list_body(items: list[bytes], cursor: str | None = None) -> bytes:
    """A list's envelope around its items' JSON."""
    more = b'true,"next_cursor":"%s"' % cursor.encode() if cursor else b'false,"next_cursor":null'
    return b'{"data":[%s],"has_more":%s}' % (b",".join(items), more)
