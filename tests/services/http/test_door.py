"""What is refused at the door: before a task is made for it, in the envelope."""

import pytest

from services.http.door import Door
from services.http.overload import Load
from tests.services.http.doors import (
    OPEN,
    PIECE,
    Served,
    answers,
    is_refusal,
    request,
    served,
    statuses,
)
from tests.services.http.test_cycle import Wire

__all__ = ["served"]


async def test_nothing_is_made_for_a_refused_one(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request(body=PIECE))
    made.data_received(request(body=PIECE))
    assert not served.state.tasks
    assert served.asked == []
    first, second = (is_refusal(one) for one in answers(wire))
    assert first != second
    assert served.door.load.refused == 2
    assert served.door.load.in_work == 0


async def test_its_own_request_id(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("X-Request-ID: mine-1"))
    made.data_received(request("X-Request-ID: not sane"))
    first, second = (is_refusal(one) for one in answers(wire))
    assert first == b"mine-1"
    assert second.startswith(b"req_")


@pytest.mark.parametrize(
    "asked",
    [
        request(line="GET /health/ready HTTP/1.1"),
        request(line="OPTIONS /v1/a HTTP/1.1"),
        request(line="GET http://x/health HTTP/1.1"),
        request("Connection: upgrade", "Upgrade: other", line="GET /v1/a HTTP/1.1"),
    ],
)
async def test_what_the_edge_is_asked_all_the_same(served: Served, asked: bytes) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(asked)
    await served.rest()
    assert statuses(wire) == [200]
    assert served.door.load.in_work == 0


@pytest.mark.parametrize(("cors", "found"), [(True, 200), (False, 503)])
async def test_a_browser_needs_its_headers(cors: bool, found: int) -> None:
    served = Served(Door(Load(), OPEN, cors=cors))
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("Origin: https://a.example"))
    await served.rest()
    assert statuses(wire) == [found]


async def test_in_work_from_the_door_on(served: Served) -> None:
    """All that are read in one turn of the loop count: none of them has begun to run."""
    served.door.load.limit = 3
    wires: list[Wire] = []
    for _ in range(5):
        made, wire = served.connect()
        made.data_received(request(body=PIECE))
        wires.append(wire)
    assert served.door.load.in_work == 3
    assert [statuses(wire) for wire in wires[3:]] == [[503], [503]]
    await served.rest()
    assert [statuses(wire) for wire in wires[:3]] == [[200]] * 3
    assert served.door.load.in_work == 0
