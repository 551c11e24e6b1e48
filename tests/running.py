"""The whole of `verbatim dev` as a process, for tests that need everything to run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.cli.target import FILE, Running

DEV = [sys.executable, "-m", "services.cli", "dev"]
START_SECONDS, STOP_SECONDS = 90.0, 20.0


@dataclass(frozen=True)
class RunningDev:
    """`path` is its data folder; what `dev.json` said when it was ready, and the pids it says now."""

    path: Path
    process: subprocess.Popen[bytes]
    base_url: str
    api_key: str
    docs_url: str
    nats_url: str
    database_url: str

    @property
    def pids(self) -> dict[str, int]:
        return told(self.path).pids

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def output(self) -> str:
        """All that it has printed, both streams."""
        return output_of(self.path)


@contextmanager
def running_dev(
    path: Path, *, command: list[str] | None = None, **env: str
) -> Iterator[RunningDev]:
    """`verbatim dev` on a free port with all its data in `path`; stopped at the end, all children gone.

    `env` holds further variables (`VERBATIM_LOG_LEVEL="debug"`). A test may end the process itself.
    """
    process = start_dev(path, command=command, **env)
    try:
        yield ready_dev(path, process)
    finally:
        stop_dev(process)


def start_dev(
    path: Path, *, command: list[str] | None = None, **env: str
) -> subprocess.Popen[bytes]:
    """Only started: in a session of its own, as on a terminal of its own; not yet ready."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("VERBATIM_")}
    environ |= {"VERBATIM_DATA_DIR": str(path), "VERBATIM_PORT": "0"} | env
    with _output(path).open("ab") as output:
        return subprocess.Popen(
            command or DEV,
            cwd=path.parent,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def ready_dev(path: Path, process: subprocess.Popen[bytes]) -> RunningDev:
    """Wait for this process's `dev.json`; what it printed where it ends or is too slow."""

    def ready() -> bool:
        assert process.poll() is None, f"verbatim dev ended:\n{output_of(path)}"
        return (path / FILE).exists() and told(path).pids["dev"] == process.pid

    wait_until(ready, START_SECONDS, lambda: f"verbatim dev is not ready:\n{output_of(path)}")
    found = told(path)
    return RunningDev(
        path=path,
        process=process,
        base_url=found.base_url,
        api_key=found.api_key,
        docs_url=found.docs_url,
        nats_url=found.nats_url,
        database_url=found.database_url,
    )


def stop_dev(process: subprocess.Popen[bytes]) -> int:
    """As `kill` does; its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its children die with it
        process.wait()
        raise


def told(path: Path) -> Running:
    return msgspec.json.decode((path / FILE).read_bytes(), type=Running)


def output_of(path: Path) -> str:
    return _output(path).read_text("utf-8", errors="replace")


def _output(path: Path) -> Path:
    return path.with_name(f"{path.name}.out")


def wait_until(
    condition: Callable[[], bool],
    seconds: float = 30.0,
    otherwise: Callable[[], str] = lambda: "it never came to be",
) -> None:
    """Poll what tells nobody when it changes, up to a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.01)
