"""Bad input to every endpoint: each parameter, header and field; the status that the contract says, nothing written."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from eventstore.connect import connect
from services.http import keys
from tests.services.http.bad_values import bad_bodies, bad_pairs, bad_texts, left_out
from tests.services.http.contract import Findings, Operation, document_of, fresh, kept
from tests.services.support import Api, new_key

JSON = {"Content-Type": "application/json"}
HEADERS: dict[str, list[str]] = {
    "Idempotency-Key": ["", "x" * 256, "\u00e9", "a\tb"],
    "If-Match": ["", "x", '"x"', "-1", '"1', '1"', '"1","2"', '"1.0"', "9" * 19, "W/1", "*,*", "\u00e9"],
    "X-Consistency": ["", "weak", "strong,strong", "\u00e9"],
    "X-Min-Position": ["", "-1", "1.0", "x", "9" * 19, "1e1", "\u00b2", str(10**17)],
}  # fmt: skip


@pytest.fixture
def name(api: Api) -> str:
    return fresh(api)


@pytest.fixture
def findings(api: Api, name: str) -> Any:
    """Nothing may have been written in the end."""
    before = kept(api)
    found = Findings()
    yield found
    found.none()
    assert kept(api) == before


def test_query_parameters(
    api: Api, all_operations: list[Operation], name: str, findings: Findings
) -> None:
    for operation in all_operations:
        for parameter, schema in operation.parameters("query").items():
            for text in bad_texts(parameter, schema):
                query = f"{parameter}={quote(text)}"
                code = "invalid_cursor" if parameter == "cursor" else None
                answer = _asked(operation, api, name, parameter, query)
                findings.refusal(f"{operation} {query[:80]!r}", answer, 400, code, parameter)
            pairs = bad_pairs(parameter) if schema.get("type") == "object" else []
            for query in pairs:
                answer = operation.send(api, name, query=query)
                findings.refusal(f"{operation} {query[:80]!r}", answer, 400)
            if not pairs:
                twice = _asked(operation, api, name, parameter, f"{parameter}=1&{parameter}=1")
                findings.refusal(
                    f"{operation} {parameter} twice", twice, 400, "repeated_parameter", parameter
                )
                keyed = operation.send(api, name, query=f"{parameter}[a]=1")
                findings.refusal(
                    f"{operation} {parameter}[a]",
                    keyed,
                    400,
                    "unknown_parameter",
                    f"{parameter}[a]",
                )


def _asked(operation: Operation, api: Api, name: str, parameter: str, query: str) -> Any:
    """A required parameter is replaced, not given twice."""
    path, _, needed = operation.url(name).partition("?")
    others = [part for part in needed.split("&") if part and not part.startswith(f"{parameter}=")]
    more = {"json": operation.example} if operation.example is not None else {}
    return api(operation.method, f"{path}?{'&'.join([*others, query])}", **more)


def test_queries_that_nothing_knows(
    api: Api, all_operations: list[Operation], name: str, findings: Findings
) -> None:
    for operation in all_operations:
        for query, code, param in (
            ("no_such=1", "unknown_parameter", "no_such"),
            ("LIMIT=1", "unknown_parameter", "LIMIT"),
            ("a%00=1", "unknown_parameter", "a?"),
            ("%5B%5D=1", "unknown_parameter", "[]"),
            ("a=%ff", "invalid_encoding", None),
        ):
            answer = operation.send(api, name, query=query)
            findings.refusal(f"{operation} ?{query}", answer, 400, code, param)


def test_headers(api: Api, all_operations: list[Operation], name: str, findings: Findings) -> None:
    for operation in all_operations:
        for header in operation.parameters("header"):
            if operation.asks_model:
                continue
            for value in HEADERS[header]:
                answer = operation.send(api, name, headers=[(header, value.encode())])
                findings.refusal(f"{operation} {header}: {value[:40]!r}", answer, 400, None, header)
        for value in ("image/png", "application/json;q=0, text/css", "x"):
            answer = operation.send(api, name, headers={"Accept": value})
            findings.refusal(
                f"{operation} Accept: {value}", answer, 406, "not_acceptable", "Accept"
            )
        for value in ("a b", "x" * 129, "", "\u00e9", "<b>"):
            headers = [("X-Request-ID", value.encode()), ("Accept", b"image/png")]
            answer = operation.send(api, name, headers=headers)
            minted = answer.headers["x-request-id"].startswith("req_")
            findings.expect(f"{operation} X-Request-ID: {value[:40]!r}", minted, answer)


def test_fields_of_bodies(
    api: Api, all_operations: list[Operation], name: str, findings: Findings
) -> None:
    components = document_of(api)["components"]["schemas"]
    for operation in all_operations:
        if operation.example is None:
            continue
        for path, body in bad_bodies(operation.body_schema, operation.example, components):
            content = left_out(body)
            answer = operation.send(api, name, content=content, headers=JSON)
            findings.refusal(f"{operation} {path} {content[:200]!r}", answer, 400, None, path)


def test_bodies(api: Api, all_operations: list[Operation], name: str, findings: Findings) -> None:
    deep = b'{"a":' * 33 + b"1" + b"}" * 33
    for operation in all_operations:
        if operation.method == "GET":
            continue
        bodies = [
            (b"{", "invalid_json"),
            (b"{}{}", None),
            (b'{"a":NaN}', None),
            (b"\xef\xbb\xbf{}", "invalid_json"),
            (b"[]", "invalid_value"),
            (b"null", "invalid_value"),
            (b'"x"', "invalid_value"),
            (b'{"a":"\xff"}', "invalid_encoding"),
            (b'{"a":"\\ud800"}', "invalid_encoding"),
            (b'{"a":"\\udc00\\ud800"}', "invalid_encoding"),
            (deep, "nesting_too_deep"),
            (b"[" * 500_000, "nesting_too_deep"),
            (b'{"no_such_field":1}', None),
        ]
        if operation.needs_body:
            bodies += [(b"", "empty_body"), (b" \n", "empty_body")]
        for body, code in bodies:
            answer = operation.send(api, name, content=body, headers=JSON)
            findings.refusal(f"{operation} {body[:60]!r}", answer, 400, code)
        large = json.dumps({"a": "x" * (1 << 20)}).encode()
        answer = operation.send(api, name, content=large, headers=JSON)
        findings.refusal(f"{operation} 1 MiB", answer, 413, "request_too_large")
        for kind in ("text/plain", "application/xml", "application/json; charset=utf-16", "x", ""):
            answer = operation.send(api, name, content=b"{}", headers={"Content-Type": kind})
            findings.refusal(f"{operation} as {kind!r}", answer, 415, "unsupported_media_type")


def test_keys(api: Api, all_operations: list[Operation], name: str, findings: Findings) -> None:
    dsn = api.database.service
    revoked = new_key(dsn, "acme")
    with connect(dsn, name="test") as connection:
        (record,) = [k for k in keys.listed(connection) if revoked.startswith(k.prefix)]
        assert keys.revoke(connection, record.id)
    expired = new_key(dsn, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    bad = [
        api.key[:-1],
        api.key.swapcase(),
        keys.make_key(),
        revoked,
        expired,
        "nonsense",
        "\u00e9",
    ]
    for operation in all_operations:
        for value, code in (
            ("", "missing_key"),
            ("Basic abc", "missing_key"),
            *((f"Bearer {key}", "invalid_key") for key in bad),
        ):
            answer = operation.send(api, name, headers=[("Authorization", value.encode())])
            findings.refusal(f"{operation} {value!r}", answer, 401, code)
        with closing(httpx.Client(base_url=f"{api.address}/v1")) as anyone:
            answer = anyone.request(operation.method, operation.url(name))
            findings.refusal(f"{operation} of anyone", answer, 401, "missing_key")


def test_ids_that_cannot_be(
    api: Api, all_operations: list[Operation], name: str, findings: Findings
) -> None:
    for operation in all_operations:
        if operation.has_conversation:
            for odd in ("nobody", "a b", "\u00e9", "\0", "a\n", "x" * 65, "x" * 5_000, "'--", "%"):
                answer = operation.send(api, odd)
                findings.refusal(
                    f"{operation} of {odd[:20]!r}", answer, 404, "conversation_not_found"
                )
