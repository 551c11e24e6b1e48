"""Write at one process, read at another at once: never missed. The short version of `python -m bench.consistency`."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from bench.asking import Told
from bench.pairs import Known, shows


def test_no_read_misses_its_write() -> None:
    """Two command and two query processes, projections and relay, 16 clients."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench.consistency", "--pairs", "1000", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3_000:]
    told = msgspec.json.decode(ended.stdout)
    assert (told["pairs"], told["missed"]) == (1_000, [])
    assert {"append", "batch", "create", "update", "pin", "unpin", "delete", "restore"} == set(
        told["writes"]
    )
    assert set(told["reads"]) == {"conversation", "messages", "list"}


SHOWN = {"id": "c", "version": 4, "title": "t", "message_count": 2, "status": "active"}
MESSAGES = [{"id": "m1", "is_pinned": False}, {"id": "m2", "is_pinned": True}]
NOW = Known("c", "t", ["m1", "m2"], {"m2"}, version=4)
GONE = Known("c", "t", ["m1", "m2"], {"m2"}, deleted=True, version=5)


def told(data: Any, version: int = 4, status: int = 200) -> Told:
    return Told(status, {"etag": f'"{version}"'}, msgspec.json.encode({"data": data}))


@pytest.mark.parametrize(
    ("read", "known", "data", "stale"),
    [
        ("conversation", NOW, SHOWN | {"messages": MESSAGES}, SHOWN | {"messages": MESSAGES[:1]}),
        ("conversation", NOW, SHOWN | {"messages": MESSAGES}, SHOWN | {"messages": MESSAGES, "title": "s"}),
        ("messages", NOW, MESSAGES[::-1], MESSAGES[:1]),
        ("messages", NOW, MESSAGES[::-1], [MESSAGES[1] | {"is_pinned": False}, MESSAGES[0]]),
        ("list", NOW, [SHOWN], [SHOWN | {"version": 3}]),
        ("list", NOW, [SHOWN], []),
        ("list", GONE, [SHOWN | {"version": 5, "status": "deleted"}], [SHOWN | {"version": 5}]),
    ],
)  # fmt: skip
def test_a_miss_is_seen(read: str, known: Known, data: Any, stale: Any) -> None:
    assert shows(read, told(data), known)
    assert not shows(read, told(stale), known)


def test_a_miss_is_seen_by_version_and_status() -> None:
    assert not shows("messages", told(MESSAGES[::-1], version=3), NOW)
    for read in ("conversation", "messages", "list"):
        assert not shows(read, told([], status=404), NOW)
    for read in ("conversation", "messages"):
        assert shows(read, told({}, status=404), GONE)
        assert not shows(read, told(SHOWN | {"messages": MESSAGES}), GONE)
