"""A flood of a few seconds at one service: facts, no times. The figures are those of `python -m tests.overload`."""

import httpx
import pytest
from typing_extensions import override

from services import processes
from services.http.overload import BURST_MOST, Load
from tests.overload.check import lost, prepare, wrong_answers
from tests.overload.flood import Plan, flood
from tests.servers import Database
from tests.services.support import new_key, serving

CONNECTIONS = 300
"""More than are ever begun at once, of requests that are so much work."""
MESSAGES, SECONDS = 50, 2.0


class Watched(Load):
    """What it let in, against what it might."""

    most = 0
    wrong = 0

    @override
    def takes(self) -> bool:
        taken = super().takes()
        type(self).most = max(self.most, self.in_work)
        type(self).wrong += taken and self.in_work >= self.limit + 1
        return taken


def test_a_flood(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = database.service
    key = new_key(dsn, unlimited=True)
    monkeypatch.setattr(processes, "Load", Watched)
    with serving(dsn, ("command",), overload_wait_seconds=0.02) as address:
        prepare(address, key, 50)
        plan = Plan(address, key, "flood", MESSAGES, CONNECTIONS, 0, SECONDS, conversations=50)
        load = flood([plan])
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            assert client.get("/health/ready").status_code == 200
            figures = client.get("/metrics").text
            client.headers["Authorization"] = f"Bearer {key}"
            for number in range(20):
                answer = client.post(f"/v1/conversations/load_{number}/messages", json={"role": "user", "content": "?"})  # fmt: skip
                assert answer.status_code == 201, answer.text
    assert wrong_answers(load) == []
    assert load.count(201) > 0
    assert load.count(503) > 0
    assert list(lost(dsn, [load], MESSAGES)) == []
    assert Watched.wrong == 0
    assert Watched.most <= BURST_MOST
    assert "verbatim_requests_in_work 0.0" in figures
    assert "verbatim_requests_refused_total 0.0" not in figures
