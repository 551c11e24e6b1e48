"""A read sees every write acknowledged before it began, waits for nobody else's, and says how far it is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.services.support import Api, refused, serving

EVENTUAL = {"X-Consistency": "eventual"}


@pytest.fixture(scope="module")
def hasty(api: Api) -> Iterator[Api]:
    """A process of reads and writes that waits for a fifth of a second only."""
    with (
        serving(api.database.service, read_wait_seconds=0.2) as address,
        api.at(address) as client,
    ):
        yield client


@contextmanager
def projections_stand_still(api: Api) -> Iterator[None]:
    """Nothing is taken in until the end."""
    with psycopg.connect(api.database.superuser) as holding:
        holding.execute("SELECT FROM readmodels.tracking FOR UPDATE")
        yield


def position_of(answer: object) -> int:
    return int(answer.headers["x-event-position"])  # type: ignore[attr-defined]


def test_only_what_was_written_is_waited_for(api: Api, hasty: Api) -> None:
    api.start("stale", "before")
    api.start("calm", "x")
    api.get("/conversations")
    with api.as_workspace("elsewhere") as other, projections_stand_still(api):
        api.post("/conversations/stale/messages", {"role": "user", "content": "after"})
        for path in ("/conversations/stale", "/conversations/stale/messages", "/conversations"):
            error = refused(hasty.get(path), 503, "projection_lagging")
            assert error["retry_after_seconds"] > 0
            assert error["type"] == "unavailable"
            now = hasty.get(path, headers=EVENTUAL)
            assert now.status_code == 200
            assert "after" not in now.text
            assert int(now.headers["x-projection-position"]) < api.head()
        refused(hasty.get("/conversations/stale/events"), 503, "projection_lagging")
        refused(hasty.get("/conversations/stale?as_of=1"), 503, "projection_lagging")
        # Nobody else waits: another conversation, another workspace, a conversation that never was.
        assert hasty.get("/conversations/calm").status_code == 200
        refused(hasty.get("/conversations/never"), 404)
        with other.at(hasty.address) as far:
            assert far.get("/conversations").status_code == 200
            # A workspace whose name begins alike is another one.
            with api.as_workspace("acm") as alike, alike.at(hasty.address) as near:
                assert near.get("/conversations").status_code == 200
    fresh = hasty.get("/conversations/stale")
    assert "after" in fresh.text
    assert int(fresh.headers["x-projection-position"]) >= api.head()


def test_a_new_conversation_is_waited_for(api: Api, hasty: Api) -> None:
    with projections_stand_still(api):
        api.start("fresh", "x")
        refused(hasty.get("/conversations/fresh"), 503, "projection_lagging")
        refused(hasty.get("/conversations/fresh", headers=EVENTUAL), 404)
    assert hasty.get("/conversations/fresh").status_code == 200


def test_a_read_goes_on_as_soon_as_it_can(api: Api) -> None:
    """It waits within its patience, and is woken."""
    api.start("patient", "x")
    codes: list[int] = []
    with projections_stand_still(api):
        api.post("/conversations/patient/messages", {"role": "user", "content": "y"})
        reading = threading.Thread(
            target=lambda: codes.append(api.get("/conversations/patient").status_code)
        )
        reading.start()
        reading.join(0.3)
        assert codes == []
    reading.join(10)
    assert codes == [200]


def test_at_least_a_position(api: Api, hasty: Api) -> None:
    first = position_of(api.start("position", "x"))
    assert api.get("/conversations").status_code == 200
    with projections_stand_still(api):
        second = position_of(api.patch("/conversations/position", {"title": "y"}))
        for path in (
            "/conversations/position",
            "/conversations",
            "/conversations/position/messages",
        ):
            # Just this position, though more was written since.
            seen = hasty.get(path, headers={"X-Min-Position": str(first)})
            assert seen.status_code == 200, seen.text
            assert int(seen.headers["x-projection-position"]) >= first
            late = {"X-Min-Position": str(second)}
            refused(hasty.get(path, headers=late), 503, "projection_lagging")
            refused(hasty.get(path, headers=late | EVENTUAL), 503, "projection_lagging")
    seen = hasty.get("/conversations/position", headers={"X-Min-Position": str(second)})
    assert seen.json()["data"]["title"] == "y"
    for free in ("0", "1", "0001"):
        assert hasty.get("/conversations", headers={"X-Min-Position": free}).status_code == 200


@pytest.mark.parametrize("value", ["-1", "", "1.0", "x", "0x1", "1 2", "9" * 19, "9" * 5_000, "²"])
def test_positions_that_cannot_be(api: Api, value: str) -> None:
    headers = [(b"X-Min-Position", value.encode())]
    refused(api.get("/conversations", headers=headers), 400, "invalid_value", "X-Min-Position")


def test_a_position_beyond_the_head(api: Api) -> None:
    beyond = {"X-Min-Position": str(api.head() + 1)}
    for path in ("/conversations", "/conversations/nobody", "/conversations/nobody/messages"):
        refused(api.get(path, headers=beyond), 400, "invalid_value", "X-Min-Position")


@pytest.mark.parametrize("value", ["", "weak", "strong, eventual", "é"])
def test_consistencies_that_cannot_be(api: Api, value: str) -> None:
    headers = [(b"X-Consistency", value.encode())]
    refused(api.get("/conversations", headers=headers), 400, "invalid_value", "X-Consistency")
    assert api.get("/conversations", headers={"X-Consistency": "Strong"}).status_code == 200
