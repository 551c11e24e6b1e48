"""A stop: all children gone within ten seconds, and what was acknowledged is there afterwards."""

import os
import signal
import threading
from pathlib import Path

import httpx
import psycopg
import pytest

from deploy.embedded.binaries import postgres_binaries
from tests.deploy.support import all_gone, append, client, descendants
from tests.running import RunningDev, output_of, running_dev, start_dev, wait_until
from tests.servers import running_postgres


class Appending:
    """Appends without a pause until the service no longer answers; remembers what was acknowledged."""

    def __init__(self, dev: RunningDev, conversation: str) -> None:
        self._dev = dev
        self._path = f"/conversations/{conversation}/messages"
        self.acknowledged: list[str] = []
        self.others: list[int] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(lambda: len(self.acknowledged) > 20)

    def _run(self) -> None:
        with client(self._dev) as http:
            for number in range(1_000_000):
                message = {"role": "user", "content": str(number)}
                try:
                    answer = http.post(self._path, json=message)
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    self.acknowledged.append(str(number))
                else:
                    self.others.append(answer.status_code)

    def end(self) -> list[str]:
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert set(self.others) <= {503}  # "not now": nothing else than that may be answered
        return self.acknowledged


def stored(path: Path, conversation: str) -> list[str]:
    """Its messages, from the log itself, by the version that wrote it."""
    with (
        running_postgres(path, postgres_binaries()) as server,
        psycopg.connect(server.database_url) as connection,
    ):
        rows = connection.execute(
            "SELECT convert_from(state, 'UTF8')::json #>> '{data,content}' FROM events"
            " WHERE originator_id = %s AND message_id IS NOT NULL ORDER BY originator_version",
            [f"dev:{conversation}"],
        ).fetchall()
    return [row[0] for row in rows]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signals") / "data"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_while_writing(data: Path, name: str) -> None:
    """Ctrl-C goes to the whole foreground group, `kill` to the one process."""
    number = signal.Signals[name]
    with running_dev(data) as dev:
        children = descendants(dev.process.pid)
        assert len(children) > 8  # PostgreSQL's own among them
        append(dev, name, "first")
        appending = Appending(dev, name)
        if number == signal.SIGTERM:
            os.kill(dev.process.pid, number)
        else:
            os.killpg(dev.process.pid, number)
        all_gone([dev.process.pid, *children], 10)
        assert dev.process.wait() == 0
        acknowledged = appending.end()
        assert "Traceback" not in dev.output
        assert "ended" not in dev.output  # no child was taken for one that had failed
    assert not (data / "dev.json").exists()
    first, *found = stored(data, name)
    assert first == "first"
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1  # one whose answer was cut off


@pytest.mark.parametrize("begun", ["postgres", "projections.log"])
def test_a_stop_while_starting(tmp_path: Path, begun: str) -> None:
    path = tmp_path / "data"
    process = start_dev(path)
    wait_until((path / begun).exists, 60, lambda: output_of(path))
    children = descendants(process.pid)
    process.send_signal(signal.SIGTERM)
    all_gone([process.pid, *children], 10)
    assert process.wait() == 0
    assert not (path / "dev.json").exists()
    assert "ready" not in output_of(path)
