"""The embedded servers on one data folder: second starts, what is stale or taken, what is lost."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from deploy.embedded import postgres
from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.folder import DataFolder, free_port
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.connect import check_durability
from tests.deploy.support import alive, all_gone, descendants


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """Of one module: each test starts and stops its servers on it."""
    made = DataFolder(tmp_path_factory.mktemp("embedded") / "data")
    made.acquire()
    with running(EmbeddedPostgres(made)):
        pass
    yield made
    made.release()


@contextmanager
def running(server: EmbeddedPostgres | EmbeddedNats) -> Iterator[int]:
    """Gives the server's pid."""
    server.start()
    try:
        assert server.child is not None
        yield server.child.pid
    finally:
        server.stop()


def log_of(folder: DataFolder) -> str:
    return (folder.path / "postgres.log").read_text("utf-8")


def test_a_second_start_has_nothing_to_make_and_nothing_to_recover(folder: DataFolder) -> None:
    """What makes it quick; how quick is printed."""
    made = (folder.path / "postgres" / "PG_VERSION").stat()
    before = len(log_of(folder))
    begun = time.monotonic()
    server = EmbeddedPostgres(folder)
    with running(server):
        print(f"second start of PostgreSQL: {time.monotonic() - begun:.2f} s")
        now = (folder.path / "postgres" / "PG_VERSION").stat()
        assert (now.st_ino, now.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
        with psycopg.connect(server.superuser_url, autocommit=True) as connection:
            check_durability(connection)
    told = log_of(folder)[before:]
    assert "database system was shut down at" in told
    assert "recovery" not in told


def test_files_of_the_log_are_small(folder: DataFolder) -> None:
    """Commits wait while one is made."""
    server = EmbeddedPostgres(folder)
    with running(server), psycopg.connect(server.superuser_url) as connection:
        assert connection.execute("SHOW wal_segment_size").fetchall() == [("4MB",)]
        assert connection.execute("SHOW min_wal_size").fetchall() == [("80MB",)]


def test_a_crash_is_recovered_from(folder: DataFolder) -> None:
    server = EmbeddedPostgres(folder)
    with running(server) as pid:
        with psycopg.connect(server.migrate_database_url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        children = descendants(pid)
        os.kill(pid, signal.SIGKILL)
        all_gone([pid, *children])
    before = len(log_of(folder))
    with running(server), psycopg.connect(server.migrate_database_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    assert "database system was not properly shut down" in log_of(folder)[before:]


@pytest.mark.parametrize("whose", ["another's", "ours", "nobody's", "nonsense"])
def test_a_stale_pid_file(folder: DataFolder, whose: str) -> None:
    """The server was killed, and its pid may be somebody else's by now."""
    other = subprocess.Popen(["sleep", "600"])
    file = folder.path / "postgres" / "postmaster.pid"
    with running(EmbeddedPostgres(folder)) as pid:
        lines = file.read_text("utf-8").splitlines()
    lines[0] = {"another's": str(other.pid), "ours": str(os.getpid()), "nobody's": str(pid)}.get(
        whose, "nonsense"
    )
    file.write_text("\n".join(lines) + "\n")
    shutil.chown(file, file.parent.owner())
    try:
        if whose == "nonsense":  # no server wrote it: not ours to remove
            with pytest.raises(EmbeddedServerError, match=r"postmaster\.pid"):
                EmbeddedPostgres(folder).start()
            file.unlink()
            return
        with running(EmbeddedPostgres(folder)):
            assert alive(other.pid)
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedNats])
def test_a_port_that_is_taken(
    folder: DataFolder, kind: type[EmbeddedPostgres] | type[EmbeddedNats]
) -> None:
    """The next free one serves; it is kept from then on."""

    def port() -> int:
        known = folder.remembered()
        return known.postgres_port if kind is EmbeddedPostgres else known.nats_port

    with running(kind(folder)):
        first = port()
    with socket.create_server(("127.0.0.1", first)), running(kind(folder)):
        second = port()
        assert second != first
    with running(kind(folder)):
        assert port() == second


def test_another_server_on_the_port_is_not_taken_for_ours(
    folder: DataFolder, tmp_path: Path
) -> None:
    other = DataFolder(tmp_path / "other")
    other.acquire()
    with running(EmbeddedPostgres(folder)):
        server = EmbeddedPostgres(other)
        server._memory = folder.remembered()  # its port, its password
        assert not server.healthy()
    other.release()


def test_a_server_that_replays_its_log_for_minutes_is_waited_for(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash there may be two gigabytes of it; who gives up has it begin anew."""
    server = EmbeddedPostgres(folder)
    clock = itertools.count(step=5.0)  # five seconds pass each time it is asked
    answers = itertools.chain(itertools.repeat(False, 60), itertools.repeat(True))
    monkeypatch.setattr(postgres, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))  # fmt: skip
    monkeypatch.setattr(server, "healthy", lambda: next(answers))
    monkeypatch.setattr(server, "prepare", lambda: None)
    with subprocess.Popen(["sleep", "60"]) as child:
        monkeypatch.setattr(server, "spawn", lambda: child)
        server.start()
        child.kill()


def test_a_start_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.acquire()
    half = folder.path / "postgres.init"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with running(EmbeddedPostgres(folder)):
        assert not half.exists()
    folder.release()


@pytest.mark.parametrize("damage", [None, b"{"])
def test_passwords_that_were_lost_are_told(tmp_path: Path, damage: bytes | None) -> None:
    folder = DataFolder(tmp_path)
    (tmp_path / "postgres").mkdir()
    if damage is not None:
        (tmp_path / "servers.json").write_bytes(damage)
    with pytest.raises(EmbeddedServerError, match=r"servers\.json.* is lost or damaged"):
        EmbeddedPostgres(folder)


def test_a_program_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.acquire()
    programs = tmp_path / "lib" / "postgres" / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "nats-server"):
        (programs / name).write_text("#!/bin/sh\necho 'error: no luck today'\nexit 1\n")
        (programs / name).chmod(0o755)
    with pytest.raises(EmbeddedServerError, match=r"initdb failed: error: no luck today .see "):
        EmbeddedPostgres(folder, binaries=programs).start()
    with pytest.raises(EmbeddedServerError, match=r"NATS did not start; see .*nats\.log"):
        EmbeddedNats(folder, binary=programs / "nats-server").start()
    with pytest.raises(EmbeddedServerError, match="nowhere could not be started: "):
        EmbeddedNats(folder, binary=tmp_path / "nowhere").start()
    folder.release()


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.acquire()
    with pytest.raises(EmbeddedServerError, match=f"in use by process {os.getpid()};"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match=r"cannot be used .* VERBATIM_DATA_DIR"):
        DataFolder(tmp_path / "file" / "data").acquire()


def test_a_free_port_is_the_remembered_one_where_nobody_has_it() -> None:
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port


def test_a_free_port_is_nobody_else_s_until_a_server_listens_on_it() -> None:
    """An outgoing connection once had it when the server came."""
    given = {free_port() for _ in range(300)}
    assert len(given) == 300
    program = (
        "from deploy.embedded.folder import free_port\nprint(*(free_port() for _ in range(300)))"
    )
    others = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert given.isdisjoint(map(int, others.stdout.split()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(300):
            with socket.create_connection(server.getsockname()) as outgoing, server.accept()[0]:
                assert outgoing.getsockname()[1] not in given
    for port in given:
        socket.create_server(("127.0.0.1", port)).close()
