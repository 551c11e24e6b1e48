"""What is not to be done is refused on the short way as on the ordinary one, and leaves nothing."""

import time
from types import SimpleNamespace

import pytest

from services.http import limits
from tests.hostile.client import Wire
from tests.running import wait_until
from tests.servers import Database
from tests.services.http.lanes import (
    Watched,
    ask,
    begun,
    metrics,
    request,
    said,
    watched,
    wire,
    wire_to,
)
from tests.services.support import Api, new_key, serving

__all__ = ["watched", "wire"]


@pytest.mark.parametrize("cut", [0, 5])
def test_a_body_that_never_comes_leaves_nothing(
    api: Api, wire: Wire, watched: Watched, cut: int
) -> None:
    begun(api, "lane_broken" + str(cut), watched)
    head, body = request(api, f"lane_broken{cut}", {"role": "user", "content": "a"})
    wire.send(head + body[:cut])
    wire.close()
    wait_until(lambda: "\nverbatim_requests_in_work 0.0" in metrics(api))
    assert watched.taken == []
    assert api.get(f"/conversations/lane_broken{cut}").json()["data"]["message_count"] == 0


@pytest.mark.parametrize(
    ("body", "lines", "status"),
    [
        (b"", [], 400),
        (b"{", [], 400),
        (b'{"role": "user"}', [], 400),
        (b'{"role": "user", "content": "\xff"}', [], 400),
        (b'{"role": "user", "content": "a"}', ["Content-Type: text/plain"], 415),
        (b'{"role": "user", "content": "a"}', ["Accept: text/html"], 406),
        (b'{"role": "user", "content": "a"}', ['If-Match: "77"'], 412),
        (b'{"role": "user", "content": "a"}', ["If-Match: x"], 400),
        (b'{"role": "user", "content": "a"}', ["Idempotency-Key: "], 400),
        (b'{"role": "user", "content": "a"}', ["If-Match: 1", "If-Match: 2"], 400),
        (b'{"role": "user", "content": "a", "id": "there"}', [], 409),
        (b'{"role": "tool", "content": "a", "tool_call_id": "x"}', [], 400),
    ],
)
def test_refusals(
    api: Api, wire: Wire, watched: Watched, body: bytes, lines: list[str], status: int
) -> None:
    name = "lane_refused"
    if api.get(f"/conversations/{name}").status_code == 404:
        api.start(name)
        first = {"role": "user", "content": "b", "id": "there"}
        assert ask(api, wire, name, first).status == 201
    reply = ask(api, wire, name, body, *lines)
    assert reply.status == status, reply.text
    assert reply.headers[b"x-request-id"].decode() == said(reply)["error"]["request_id"]
    assert api.get(f"/conversations/{name}").json()["data"]["message_count"] == 1
    assert "\nverbatim_requests_in_work 0.0" in metrics(api)


def test_unknown_deleted_and_foreign_conversations(api: Api, wire: Wire, watched: Watched) -> None:
    message = {"role": "user", "content": "a"}
    assert ask(api, wire, "lane_nowhere", message).status == 404
    begun(api, "lane_deleted", watched)
    api.delete("/conversations/lane_deleted").raise_for_status()
    reply = ask(api, wire, "lane_deleted", message)
    assert (reply.status, said(reply)["error"]["code"]) == (409, "conversation_deleted")
    stranger = new_key(api.database.service, "lane_other")
    whole = b"".join(request(api, "lane_deleted", message, key=stranger))
    for _ in range(2):  # unknown at first, then believed
        found = wire.ask(whole)
        assert found is not None
        assert found.status == 404


def test_scope_and_limit_are_the_edge_s(
    module_database: Database, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 0.0, time=time.time))
    dsn = module_database.service
    key, reader = new_key(dsn), new_key(dsn, scopes=("read",))
    with serving(dsn, rate_limit_key=5, rate_limit_workspace=0) as address:
        api = Api(address, module_database, key)
        with wire_to(api) as wire:
            message = {"role": "user", "content": "a"}
            api.start("lane_limit")  # 4 left
            replies = [ask(api, wire, "lane_limit", message) for _ in range(5)]
            left = [int(reply.headers[b"x-ratelimit-remaining"]) for reply in replies]
            assert [reply.status for reply in replies] == [201, 201, 201, 201, 429]
            assert left == [3, 2, 1, 0, 0]
            assert watched.taken == [True, True, True, True, False]
            for _ in range(2):
                refused = wire.ask(b"".join(request(api, "lane_limit", message, key=reader)))
                assert refused is not None
                assert refused.status == 403
        api.close()
