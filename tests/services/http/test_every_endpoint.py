"""What holds for every endpoint: headers, versions, idempotency, methods, costs."""

from contextlib import closing

from tests.services.http.contract import MESSAGE, Findings, Operation, document_of, fresh, kept
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
