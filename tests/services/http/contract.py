"""Every endpoint of the running service, as its own document lists them, each with a request that works.

Tests that hold for all endpoints go by this list: a new endpoint is covered from its first day. One that needs a path
or query parameter that is not known here fails those tests until it is.
"""

import itertools
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tests.services.support import Api

Json = dict[str, Any]

MESSAGE = "m1"
USER = "contract-user"
REQUIRED = {"q": "hello"}
"""Values for query parameters that an endpoint cannot do without."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    spec: Json

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def has_conversation(self) -> bool:
        return "{conversation_id}" in self.path

    @property
    def writes(self) -> bool:
        """A preview is asked for by POST, too, and writes nothing."""
        return self.scope == "write"

    @property
    def needs_body(self) -> bool:
        return self.spec.get("requestBody", {}).get("required", False)

    @property
    def asks_model(self) -> bool:
        """Its key is reserved before the model is asked: `tests/services/gateway` has the rules."""
        return self.path.endswith("/chat/completions")

    @property
    def scope(self) -> str:
        return self.spec["x-required-scope"]

    @property
    def example(self) -> Any:
        """Of the body; None where there is none."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return content["application/json"]["example"] if content else None

    @property
    def body_schema(self) -> Json:
        return self.spec["requestBody"]["content"]["application/json"]["schema"]

    def parameters(self, place: str) -> dict[str, Json]:
        """Schemas by name, of the query or of headers."""
        return {
            p["name"]: p["schema"] | {"style": p.get("style")}
            for p in self.spec["parameters"]
            if p["in"] == place
        }

    def url(self, conversation: str, query: str | None = None) -> str:
        """Below /v1; `query` is added to what is required."""
        path = self.path.removeprefix("/v1").format(
            conversation_id=quote(conversation, safe=""), message_id=MESSAGE, user_id=USER
        )
        needed = {
            p["name"]: REQUIRED[p["name"]]
            for p in self.spec["parameters"]
            if p["in"] == "query" and p["required"]
        }
        asked = "&".join(part for part in (urlencode(needed), query) if part)
        return f"{path}?{asked}" if asked else path

    def send(
        self, api: Api, conversation: str, *, query: str | None = None, **more: Any
    ) -> httpx.Response:
        """The request that works, but for what `more` says otherwise."""
        if "json" not in more and "content" not in more and self.example is not None:
            more["json"] = self.example
        return api(self.method, self.url(conversation, query), **more)


def operations(api: Api) -> list[Operation]:
    """All of our own contract; OpenAI's, below `/openai/v1`, has tests of its own."""
    document = document_of(api)
    return [
        Operation(method.upper(), path, spec)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
        if path.startswith("/v1/")
    ]


def document_of(api: Api) -> Json:
    return httpx.get(f"{api.address}/schema/openapi.json").raise_for_status().json()


def fresh(api: Api) -> str:
    """A new conversation with two messages; the first is named."""
    name = f"fresh-{next(_numbers)}"
    messages = [
        {"role": "user", "content": "hello", "id": MESSAGE},
        {"role": "assistant", "content": "hello to you"},
    ]
    body = {"id": name, "user_id": USER, "messages": messages}
    assert api.post("/conversations", body).status_code == 201
    return name


def kept(api: Api) -> tuple[int, int]:
    """What the database holds: events, and idempotency keys."""
    import psycopg

    with psycopg.connect(api.database.superuser) as connection:
        row = connection.execute(
            "SELECT (SELECT position FROM head), (SELECT count(*) FROM idempotency)"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


LEAKS = ("Traceback", "psycopg", "msgspec", "SELECT ", "readmodels", "relation ", "/services/")


class Findings:
    """Collects what is wrong, so that one run tells all."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.checked = 0

    def expect(self, what: str, holds: bool, answer: httpx.Response) -> None:
        self.checked += 1
        if not holds:
            self.wrong.append(f"{what}: {answer.status_code} {answer.text[:300]}")

    def refusal(
        self,
        what: str,
        answer: httpx.Response,
        status: int,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        """The answer is this error in whole: envelope, headers, no word too many."""
        holds = (
            answer.status_code == status and answer.headers["content-type"] == "application/json"
        )
        self.expect(f"{what} is to be {status} {code or ''} {param or ''}", holds, answer)
        if not holds:
            return
        error = answer.json()["error"]
        place = error.get("param") or ""
        good = (
            set(answer.json()) == {"error"}
            and set(error)
            <= {"type", "message", "code", "param", "request_id", "retry_after_seconds"}
            and error["request_id"] == answer.headers["x-request-id"]
            and code in (None, error.get("code"))
            and (param is None or place == param or place.startswith(f"{param}."))
            and len(error["message"]) > 10
            and (status == 401 or "x-ratelimit-remaining" in answer.headers)
            and (answer.headers.get("x-should-retry") == "false") is (status in (409, 412, 422))
            and not any(leak in answer.text for leak in LEAKS)
        )
        self.expect(f"{what} is to be {status} {code or ''} {param or ''}, in whole", good, answer)

    def none(self) -> None:
        assert self.checked > 0
        assert not self.wrong, "\n".join(self.wrong)
