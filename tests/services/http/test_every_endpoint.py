"""What holds for every endpoint: headers, scopes, workspaces, versions, idempotency, methods, costs."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, get_args

import pytest

from services.http.keys import SCOPES, Scope
from tests.services.http.contract import (
    MESSAGE,
    Findings,
    Operation,
    document_of,
    fresh,
    kept,
    operations,
)
from tests.services.support import Api, new_key, serving

OURS = (
    "x-",
    "content-disposition",
    "etag",
    "idempotent-replayed",
    "retry-after",
    "allow",
    "www-authenticate",
)
"""What the document must name of an answer's headers, by their beginning."""
OF_NOW = (
    *("x-request-id", "date", "x-ratelimit-reset", "x-projection-position"),
    "content-disposition",
)
"""Headers that two requests in a row may answer differently."""
LIVES = ("/restore", "DELETE /v1/conversations/{conversation_id}")


@pytest.fixture(scope="module")
def all_operations(api: Api) -> list[Operation]:
    return operations(api)


@pytest.fixture
def findings() -> Iterator[Findings]:
    found = Findings()
    yield found
    found.none()


def test_answers_have_the_headers_that_the_document_names(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    for operation in all_operations:
        answer = operation.send(api, fresh(api))
        response = operation.spec["responses"].get(str(answer.status_code), {})
        findings.expect(f"{operation} works", answer.is_success and bool(response), answer)
        named = {header.lower() for header in response["headers"]} - {"idempotent-replayed"}
        found = {header for header in answer.headers if header.startswith(OURS)}
        found -= {"x-content-type-options"}  # for browsers
        findings.expect(f"{operation}: {named ^ found} are named or there", named == found, answer)
        findings.expect(
            f"{operation}'s content type",
            answer.headers["content-type"].partition(";")[0] in response["content"],
            answer,
        )
        if operation.writes:
            findings.expect(
                f"{operation}'s position",
                int(answer.headers["x-event-position"]) <= api.head(),
                answer,
            )
        if "etag" in named and isinstance(answer.json()["data"], dict):
            version = answer.json()["data"].get("version")
            told = answer.headers["etag"]
            findings.expect(f"{operation}'s ETag", version in (None, int(told.strip('"'))), answer)


def test_a_key_needs_the_scope_of_the_route(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    dsn = api.database.service
    name = fresh(api)
    clients: dict[Scope, tuple[Api, Api]] = {
        scope: (
            Api(api.address, api.database, new_key(dsn, scopes=(scope,), unlimited=True)),
            Api(
                api.address,
                api.database,
                new_key(
                    dsn, scopes=tuple(other for other in SCOPES if other != scope), unlimited=True
                ),
            ),
        )
        for scope in get_args(Scope)
    }
    for operation in all_operations:
        with_it, without_it = clients[operation.scope]
        before = kept(api)
        findings.refusal(
            f"{operation} without its scope", operation.send(without_it, name), 403, "missing_scope"
        )
        findings.expect(
            f"{operation} without its scope writes", kept(api) == before, operation.send(api, name)
        )
        answer = operation.send(with_it, fresh(api))
        findings.expect(f"{operation} with its scope alone", answer.is_success, answer)
    for pair in clients.values():
        for client in pair:
            client.close()


def test_workspaces_never_meet(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    """Another workspace's id answers exactly like one that does not exist, and stands in no answer."""
    with api.as_workspace("strangers") as stranger:
        for operation in all_operations:
            name = fresh(api)
            before = kept(api)
            if operation.has_conversation:
                theirs = operation.send(stranger, name)
                none = operation.send(stranger, "x" * len(name))
                findings.refusal(f"{operation} of another", theirs, 404, "conversation_not_found")
                same = without_id(theirs) == without_id(none)
                findings.expect(f"{operation} of another or none", same, theirs)
                findings.expect(f"{operation} of another writes", kept(api) == before, theirs)
                if "{message_id}" in operation.path:  # below a conversation of one's own
                    own = f"own-{name}"
                    stranger.start(own)
                    answer = operation.send(stranger, own)
                    findings.refusal(f"{operation}, nested", answer, 404, "message_not_found")
            else:
                body = operation.example
                if isinstance(body, dict) and "conversation_ids" in body:
                    body = {**body, "conversation_ids": [name]}
                    before = api.head()
                    answer = operation.send(stranger, name, json=body)
                    findings.expect(f"{operation} of another", api.head() == before, answer)
                    continue
                answer = operation.send(stranger, name)
                findings.expect(f"{operation} tells of another", name not in answer.text, answer)


def without_id(answer: Any) -> Any:
    return {k: v for k, v in answer.json()["error"].items() if k != "request_id"}


def test_deleted_conversations(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    for operation in all_operations:
        if not operation.has_conversation:
            continue
        name = fresh(api)
        api.delete(f"/conversations/{name}")
        before = kept(api)
        answer = operation.send(api, name)
        if str(operation).endswith(LIVES):
            findings.expect(f"{operation} of a deleted one", answer.is_success, answer)
            continue
        if operation.writes:
            findings.refusal(f"{operation} of a deleted one", answer, 409, "conversation_deleted")
        else:
            findings.refusal(f"{operation} of a deleted one", answer, 404, "conversation_not_found")
        findings.expect(f"{operation} of a deleted one writes", kept(api) == before, answer)


def test_if_match(api: Api, all_operations: list[Operation], findings: Findings) -> None:
    for operation in all_operations:
        if "If-Match" not in operation.parameters("header"):
            findings.expect(
                f"{operation} is to know If-Match",
                not (operation.writes and operation.has_conversation),
                operation.send(api, fresh(api)),
            )
            continue
        name = fresh(api)
        before = kept(api)
        for stale in ('"2"', '"4"', 'W/"99"', "1", '"000000000000000002"'):
            answer = operation.send(api, name, headers={"If-Match": stale})
            findings.refusal(f"{operation} at {stale}", answer, 412, "version_mismatch", "If-Match")
        findings.expect(f"{operation} at a stale version writes", kept(api) == before, answer)
        for now in ('"3"', 'W/"3"', "3", "*"):
            answer = operation.send(api, fresh(api), headers={"If-Match": now})
            findings.expect(f"{operation} at {now}", answer.is_success, answer)


def test_a_keyed_request_is_done_once(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    for number, operation in enumerate(all_operations):
        if not operation.writes or operation.asks_model:
            continue
        name = fresh(api)
        headers = {"Idempotency-Key": f"every endpoint {number}"}
        first = operation.send(api, name, headers=headers)
        findings.expect(f"{operation} with a key", first.is_success, first)
        before = kept(api)
        again = operation.send(api, name, headers=headers)
        findings.expect(
            f"{operation} again",
            (again.status_code, again.json()) == (first.status_code, first.json())
            and again.headers["idempotent-replayed"] == "true"
            and again.headers["x-event-position"] == first.headers["x-event-position"],
            again,
        )
        if operation.has_conversation:
            other = operation.send(api, fresh(api), headers=headers)
            findings.refusal(f"{operation} elsewhere", other, 422, "idempotency_key_reused")
            before = (before[0] + 3, before[1])  # the fresh one
        if operation.example is None:
            spaced = operation.send(api, name, headers=headers, content=b" {} ")
            findings.refusal(f"{operation}, other bytes", spaced, 422, "idempotency_key_reused")
        findings.expect(f"{operation} again writes", kept(api) == before, again)


def test_methods(api: Api, all_operations: list[Operation], findings: Findings) -> None:
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in all_operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    name = fresh(api)
    for path, known in by_path.items():
        allowed = {*known, "OPTIONS"} | ({"HEAD"} if "GET" in known else set())
        url = next(iter(known.values())).url(name)
        options = api("OPTIONS", url)
        told = set(options.headers["allow"].split(", "))
        findings.expect(f"OPTIONS {path}", options.status_code == 204 and told == allowed, options)
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
            wrong = api(method, url)
            if method == "HEAD":
                findings.expect(
                    f"HEAD {path}", wrong.status_code == 405 and not wrong.content, wrong
                )
            else:
                findings.refusal(f"{method} {path}", wrong, 405, "method_not_allowed")
            told = set(wrong.headers["allow"].split(", "))
            findings.expect(f"{method} {path} tells {allowed}", told == allowed, wrong)
        if "GET" in known:
            plain = {"Accept-Encoding": "identity"}
            get, head = (api(method, url, headers=plain) for method in ("GET", "HEAD"))
            sent = get.headers  # a stream's length is not known, and a HEAD has no stream
            same = [
                {
                    k: None if k in OF_NOW else v
                    for k, v in answer.headers.items()
                    if k not in ("transfer-encoding", "content-length") or "content-length" in sent
                }
                for answer in (get, head)
            ]
            findings.expect(f"HEAD {path}", same[0] == same[1] and head.content == b"", head)


def test_what_a_request_costs(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    dear = ("/search", "/export", "/compact")
    name = fresh(api)
    settings = {"rate_limit_key": 1_000, "rate_limit_workspace": 0}
    with serving(api.database.service, **settings) as address:
        for operation in all_operations:
            with closing(Api(address, api.database, new_key(api.database.service))) as limited:
                answer = operation.send(limited, name)
                spent = 1_000 - int(answer.headers["x-ratelimit-remaining"])
            cost = operation.spec["x-rate-limit-cost"]
            findings.expect(f"{operation} costs {cost}, not {spent}", spent == cost, answer)
            findings.expect(
                f"{operation} costs {cost}",
                (cost > 1) is any(part in operation.path for part in dear),
                answer,
            )


def test_messages_are_there(api: Api, all_operations: list[Operation]) -> None:
    """The list is what it says: every endpoint that takes a conversation was tried on one that has messages."""
    assert {op.path for op in all_operations} == {
        path for path in document_of(api)["paths"] if path.startswith("/v1/")
    }
    shown = api.get(f"/conversations/{fresh(api)}/messages").json()["data"]
    assert shown[0]["id"] == MESSAGE
