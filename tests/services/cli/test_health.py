"""Figures and health of processes that serve no API."""

import urllib.request

import httpx
import pytest

from deploy.embedded.folder import free_port
from services.cli.health import ready_url, serves
from services.listening import PortTaken, listen
from services.metrics_port import metrics_port
from services.settings import Settings
from tests.services.cli.support import CommandLine
from tests.services.support import Api


def test_figures_are_served_while_it_runs() -> None:
    port = free_port()
    with metrics_port(Settings(metrics_port=port)):
        for path in ("/metrics", "/health/ready"):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}")
            assert answer.status_code == 200
            assert "process_resident_memory_bytes" in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_whether_it_serves(api: Api) -> None:
    port = free_port()
    with metrics_port(Settings(metrics_port=port)):
        assert serves(f"http://127.0.0.1:{port}/health/ready", 30)
    assert not serves(f"http://127.0.0.1:{port}/health/ready", 30)
    assert not serves(f"{api.address}/elsewhere", 30)


def test_none_are_by_default() -> None:
    with metrics_port(Settings()):
        pass


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortTaken, match="VERBATIM_METRICS_PORT"),
            metrics_port(Settings(metrics_port=port)),
        ):
            pass


def test_health_asks_the_process(api: Api, cli: CommandLine) -> None:
    port = api.address.rpartition(":")[2]
    assert cli("health", env={"VERBATIM_PORT": port}).code == 0
    with metrics_port(Settings(metrics_port=(follower := free_port()))):
        assert cli("health", env={"VERBATIM_METRICS_PORT": str(follower)}).code == 0
    gone = cli("health", env={"VERBATIM_PORT": str(free_port())})
    assert gone.code == 1
    assert "nothing answers at http://127.0.0.1:" in gone.err
    assert "Traceback" not in gone.err


def test_health_asks_no_proxy(api: Api, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's own 127.0.0.1 is another one."""
    monkeypatch.setattr(
        urllib.request, "_opener", None
    )  # it remembers what was set at its first use
    env = {"VERBATIM_PORT": api.address.rpartition(":")[2]}
    assert cli("health", env=env | {"http_proxy": f"http://127.0.0.1:{free_port()}"}).code == 0


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("192.0.2.7", "192.0.2.7"),
        ("localhost", "localhost"),
    ],
)
def test_health_asks_where_it_listens(host: str, asked: str) -> None:
    assert ready_url(Settings(host=host, port=8081)) == f"http://{asked}:8081/health/ready"
