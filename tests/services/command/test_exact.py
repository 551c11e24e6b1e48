"""What was sent comes back as it was sent; what cannot be taken leaves nothing behind."""

import json
import socket
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.http.contract import operations
from tests.services.query.support import everything
from tests.services.support import Api, refused

JSON = {"Content-Type": "application/json"}
_numbers = count()
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=st.lists(texts, min_size=1, max_size=4), part=texts)
def test_any_text(api: Api, said: list[str], part: str) -> None:
    name = f"exact-{next(_numbers)}"
    parts = [{"type": "text", "text": part}]
    sent = [{"role": "user", "content": content} for content in [*said, parts]]
    api.post("/conversations", {"id": name, "messages": sent[:1]})
    for message in sent[1:]:
        answer = api.post(f"/conversations/{name}/messages", message)
        assert answer.json()["data"]["content"] == message["content"]
    wanted = [*said, parts]
    shown = api.get(f"/conversations/{name}").json()["data"]["messages"]
    assert [message["content"] for message in shown] == wanted
    listed = everything(api, f"/conversations/{name}/messages", limit=2)
    assert [message["content"] for message in listed] == wanted
    events = everything(api, f"/conversations/{name}/events", limit=2)[1:]
    assert [event["data"]["content"] for event in events] == wanted


def test_json_of_the_caller_s_own_keeps_its_bytes(api: Api) -> None:
    """Numbers as they were written, keys in their order, kinds that nobody knows."""
    extra = b'{"z":1.10,"a":1e5,"big":123456789012345678901234567890,"t":"\\u0000","n":{"b":[],"a":null}}'
    part = b'{"type":"hologram","depth":0.10,"of":{"y":1,"x":[1.0]}}'
    call = b'{"type":"custom","id":"c1","custom":{"input":"a","n":2.50}}'
    message = b'{"role":"assistant","content":[%s],"tool_calls":[%s],"extra":%s}' % (part, call, extra)  # fmt: skip
    api.start("bytes")
    path = "/conversations/bytes/messages"
    answer = api("POST", path, content=message, headers=JSON)
    assert answer.status_code == 201, answer.text
    for where in (answer, api.get(path), api.get("/conversations/bytes")):
        for piece in (extra, part, call):
            assert piece in where.content


@pytest.fixture(scope="module")
def plain(api: Api) -> str:
    api.start("plain")
    return "plain"


@pytest.mark.parametrize("field", ["title", "user_id", "assistant_id", "metadata"])
@pytest.mark.parametrize("bad", ["a\0b", "a\nb", "\x7f", "\u0085", "\u2028"])
def test_control_characters_are_content_s_alone(api: Api, plain: str, field: str, bad: str) -> None:
    before = api.head()
    value: Any = {"k": bad} if field == "metadata" else bad
    param = "metadata.k" if field == "metadata" else field
    refused(api.post("/conversations", {field: value}), 400, "invalid_characters", param)
    patch = api.patch(f"/conversations/{plain}", {field: value})
    refused(patch, 400, "invalid_characters", param)
    assert api.head() == before


def test_a_change_is_done_whole_or_not_at_all(api: Api) -> None:
    """Sixteen pairs are the most, whatever is merged; what comes beside them is not done either."""
    pairs = {f"k{number}": "v" for number in range(16)}
    before = api.start("pairs", title="old", metadata=pairs)
    patch = {"title": "new", "user_id": "u", "metadata": {"one more": "v"}}
    error = refused(api.patch("/conversations/pairs", patch), 400, "too_much_metadata")
    assert error["type"] == "invalid_request_error"
    shown = api.get("/conversations/pairs")
    assert shown.headers["etag"] == before.headers["etag"]
    assert (shown.json()["data"]["title"], shown.json()["data"]["user_id"]) == ("old", None)
    swapped = {"metadata": {"k0": None, "one more": "v" * 512}}
    assert api.patch("/conversations/pairs", swapped).json()["data"]["metadata"] == (
        {k: v for k, v in pairs.items() if k != "k0"} | {"one more": "v" * 512}
    )


def test_a_policy_is_merged(api: Api) -> None:
    api.start("policy", compaction={"target_tokens": 500})
    first = api.patch("/conversations/policy", {"compaction": {"trigger_tokens": 9_000}})
    assert first.json()["data"]["compaction"] == {
        "strategy": "hybrid",
        "trigger_tokens": 9_000,
        "keep_recent": 20,
        "target_tokens": 500,
    }
    none = api.patch("/conversations/policy", {"compaction": {"target_tokens": None}})
    assert none.json()["data"]["compaction"]["target_tokens"] is None
    refused(api.patch("/conversations/policy", {"compaction": None}), 400, param="compaction")


def test_requests_that_need_no_body(api: Api) -> None:
    """With a JSON content type and nothing in it, as many clients send a DELETE; with an empty object; with nothing."""
    tried = 0
    for number, operation in enumerate(operations(api)):
        if operation.method == "GET" or operation.needs_body or operation.asks_model:
            continue
        for place, more in enumerate(({"headers": JSON}, {"content": b"{}", "headers": JSON}, {})):
            name = f"bodiless-{number}-{place}"
            api.start(name, "x")
            answer = api(operation.method, operation.url(name), **more)
            assert answer.is_success, (str(operation), more, answer.text)
        tried += 1
    assert tried >= 4


def test_a_body_far_beyond_the_limit_harms_nobody(api: Api) -> None:
    """It is read no further than 8 MiB; the client sees the refusal, or that the connection ends."""
    before = api.head()
    host, _, port = api.address.removeprefix("http://").partition(":")
    size = 64 << 20
    head = (
        f"POST /v1/conversations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )
    sent = 0
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())
        with suppress(ConnectionError):
            while sent < size:
                connection.sendall(b" " * 65_536)
                sent += 65_536
    assert sent < size, "all of it was read"
    assert api.get("/conversations").status_code == 200
    assert api.head() == before


def test_a_number_that_no_double_holds_is_refused_in_our_own_fields(api: Api) -> None:
    for text in ("1e400", "-1e400", "NaN", "1" * 400):
        body = json.dumps({"role": "user", "content": "x", "input_tokens": "@"}).replace(
            '"@"', text
        )
        answer = api("POST", "/conversations/nobody/messages", content=body, headers=JSON)
        refused(answer, 400)
