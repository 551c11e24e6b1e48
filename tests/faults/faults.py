"""The faults. Each strikes once while clients are at work, heals what it broke, and proves that it happened."""

import os
import signal
import socket
import time
from pathlib import Path

import httpx
import psycopg

from tests.deploy.support import descendants
from tests.faults.deliveries import redelivered
from tests.faults.disk import disk_full
from tests.faults.endings import postgres_silent, stopped
from tests.faults.proxy import Mode
from tests.faults.rig import COMMANDS, FOLLOWERS, QUERIES
from tests.faults.strike import Fault, Strike, patient, state_of
from tests.running import wait_until


def killed(names: tuple[str, ...]) -> Fault:
    """kill -9 of one, started again later."""

    def strike(on: Strike) -> str:
        name = on.one_of(names)
        before = on.rig.processes[name].pid
        on.rig.kill(name)
        assert on.rig.processes[name].returncode == -signal.SIGKILL
        on.last()
        on.rig.start(name)
        assert on.rig.processes[name].pid != before
        on.rig.wait(name)
        return f"killed {name}"

    return strike


def frozen(names: tuple[str, ...]) -> Fault:
    """SIGSTOP of one, SIGCONT later: others take it for dead meanwhile."""

    def strike(on: Strike) -> str:
        name = on.one_of(names)
        pid = on.rig.processes[name].pid
        on.rig.signal(name, signal.SIGSTOP)
        wait_until(lambda: state_of(pid) == "T", 30)
        on.last()
        assert state_of(pid) == "T"
        on.rig.signal(name, signal.SIGCONT)
        on.rig.wait(name)
        return f"froze {name} for {on.seconds:.1f} s"

    return strike


def network(mode: Mode, names: tuple[str, ...]) -> Fault:
    """Between one process and PostgreSQL."""

    def strike(on: Strike) -> str:
        name = on.one_of(names)
        proxy = on.rig.proxies[name]
        before = proxy.hits
        proxy.set(mode)
        on.last()
        wait_until(lambda: proxy.hits > before, 30, lambda: "nothing was on its way")
        proxy.set("pass")
        on.rig.wait(name)
        return f"{mode} {proxy.hits - before} times between {name} and PostgreSQL"

    return strike


def swallowed(on: Strike) -> str:
    """Replies to commits are lost, one after the other."""
    name = on.one_of(COMMANDS)
    proxy = on.rig.proxies[name]
    before = proxy.hits
    deadline = time.monotonic() + on.seconds
    while time.monotonic() < deadline or proxy.hits == before:
        proxy.set("swallow")
        hits = proxy.hits
        wait_until(lambda hits=hits: proxy.hits > hits, 60)
    proxy.set("pass")
    return f"lost {proxy.hits - before} replies to {name}"


def reset(on: Strike) -> str:
    """Connections to PostgreSQL end with a reset."""
    name = on.one_of(COMMANDS)
    proxy = on.rig.proxies[name]
    before = proxy.hits
    proxy.cut(reset=True)
    on.last()
    proxy.cut(reset=True)
    assert proxy.hits > before
    return f"reset {proxy.hits - before} connections of {name}"


def postgres_killed(on: Strike) -> str:
    child = on.rig.postgres.child
    on.rig.kill_postgres()
    on.last()
    on.rig.restart_postgres()
    assert on.rig.postgres.child is not child
    on.rig.wait_all()
    return "killed PostgreSQL, all its processes at once"


def postgres_frozen(on: Strike) -> str:
    child = on.rig.postgres.child
    assert child is not None
    pids = [child.pid, *descendants(child.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(child.pid) == "T", 30)
    on.last()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    return f"froze PostgreSQL for {on.seconds:.1f} s"


def backends_ended(on: Strike) -> str:
    """An administrator ends the connections of writers."""
    ended = 0
    with psycopg.connect(on.rig.database.superuser, autocommit=True) as connection:
        for _ in range(3):
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'verbatim writer' AND datname = current_database()"
            ).fetchall()
            ended += len(rows)
            on.last()
    assert ended
    return f"ended {ended} connections of writers"


def nats_killed(on: Strike) -> str:
    child = on.rig.nats.child
    assert child is not None
    child.kill()
    child.wait()
    on.last()
    on.rig.nats.start()
    return "killed NATS"


def nats_frozen(on: Strike) -> str:
    child = on.rig.nats.child
    assert child is not None
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: state_of(child.pid) == "T", 30)
    on.last()
    child.send_signal(signal.SIGCONT)
    return f"froze NATS for {on.seconds:.1f} s"


def two_relays(on: Strike) -> str:
    """A second relay beside the first, which then dies."""
    rig = on.rig
    first = rig.processes["relay"]
    rig.processes.pop("relay")
    port = rig.ports["relay"]
    rig.start("relay", VERBATIM_METRICS_PORT="0")
    second = rig.processes["relay"]
    on.last()
    assert first.poll() is None
    assert second.poll() is None
    first.kill()
    first.wait()
    on.last()
    second.kill()
    second.wait()
    rig.ports["relay"] = port
    rig.start("relay")
    rig.wait("relay")
    return "ran two relays, killed both"


def connections_exhausted(on: Strike) -> str:
    """Somebody takes all of PostgreSQL's connections."""
    taken: list[psycopg.Connection] = []
    refused = False
    for _ in range(400):
        try:
            taken.append(psycopg.connect(on.rig.database.service, connect_timeout=5))
        except psycopg.OperationalError:
            refused = True
            break
    assert refused, "there was always one more"
    for proxy in on.rig.proxies.values():
        proxy.cut()  # all must ask for new ones
    on.last()
    for connection in taken:
        connection.close()
    on.rig.wait_all()
    return f"took {len(taken)} connections, all there were"


def hang_ups(on: Strike) -> str:
    """Clients that leave in the middle of a request, and after it, before the answer."""
    count = 0
    deadline = time.monotonic() + on.seconds
    while time.monotonic() < deadline or not count:
        port = on.rig.ports[on.one_of((*COMMANDS, *QUERIES))]
        body = b'{"role": "user", "content": "a client that hung up"}'
        path = f"/v1/conversations/nobody_{count}/messages"
        text = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {on.rig.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(text[: on.chance.randrange(1, len(text) + 1)])
        count += 1
    assert count
    return f"hung up {count} times"


def long_transaction(on: Strike) -> str:
    """A snapshot held open: the head row's old versions cannot be cleaned away meanwhile."""
    with psycopg.connect(on.rig.database.owner) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = connection.execute("SELECT position FROM head").fetchone()
        on.last()
        wait_until(lambda: on.clients.acknowledged > 20, 60)
        assert connection.execute("SELECT position FROM head").fetchone() == before
    return "held a snapshot open"


def compactions(on: Strike) -> str:
    """Compaction against appends and pins, several at once."""
    done = 0
    headers = {"Authorization": f"Bearer {on.rig.key}"}
    deadline = time.monotonic() + on.seconds
    with httpx.Client(headers=headers, timeout=20, trust_env=False) as http:
        while time.monotonic() < deadline or not done:
            name = on.chance.choice(on.clients.conversations)
            url = f"{on.rig.url(on.one_of(COMMANDS))}/v1/conversations/{name}/compact"
            answer = patient(http, "POST", url, {"strategy": "sliding_window", "keep_recent": 3})
            assert answer.status_code == 200, answer.text
            done += answer.json()["data"]["messages_compacted"] > 0
    return f"compacted {done} times"


def deletions(on: Strike) -> str:
    """A conversation of its own is deleted and restored while it is read: the others do not notice."""
    headers = {"Authorization": f"Bearer {on.rig.key}"}
    name = f"{on.clients.conversations[0]}_gone"
    times = 0
    deadline = time.monotonic() + on.seconds
    with httpx.Client(headers=headers, timeout=20, trust_env=False) as http:
        one = f"{on.rig.url(on.one_of(COMMANDS))}/v1/conversations"
        read = f"{on.rig.url(on.one_of(QUERIES))}/v1/conversations/{name}"
        assert patient(http, "POST", one, {"id": name}).status_code == 201
        while time.monotonic() < deadline or not times:
            assert patient(http, "DELETE", f"{one}/{name}").status_code == 200
            assert patient(http, "GET", read).status_code == 404
            assert patient(http, "POST", f"{one}/{name}/restore").status_code == 200
            assert patient(http, "GET", read).status_code == 200
            times += 1
    return f"deleted and restored {times} times"


def clock_set_back(on: Strike) -> str:
    """A command process whose clock is an hour behind the other's."""
    name = on.one_of(COMMANDS)
    on.rig.kill(name)
    on.rig.start(name, LD_PRELOAD=str(FAKETIME), FAKETIME="-1h", FAKETIME_DONT_FAKE_MONOTONIC="1")
    on.rig.wait(name)
    before = on.clients.acknowledged
    on.last()
    wait_until(lambda: on.clients.acknowledged > before + 40, 60)
    with psycopg.connect(on.rig.database.service) as connection:
        late = connection.execute(
            "SELECT count(*) FROM events WHERE convert_from(state, 'UTF8')::jsonb ->> 'at' <"
            " to_char((now() - interval '50 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        ).fetchone()
    assert late is not None
    assert late[0] > 0, "no event bears the late clock's time"
    on.rig.kill(name)
    on.rig.start(name)
    on.rig.wait(name)
    return f"{name} wrote {late[0]} events with its clock an hour behind"


FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""Debian's package `faketime`."""

FULL_DISK = "full disk"
"""It needs a rig whose PostgreSQL has a small disk of its own."""

FAULTS: dict[str, Fault] = {
    "kill -9 command": killed(COMMANDS),
    "kill -9 query": killed(QUERIES),
    "kill -9 projections": killed(("projections",)),
    "kill -9 relay": killed(("relay",)),
    "kill -9 compaction": killed(("compaction",)),
    "kill -9 PostgreSQL": postgres_killed,
    "kill -9 NATS": nats_killed,
    "freeze command": frozen(COMMANDS),
    "freeze query": frozen(QUERIES),
    "freeze projections": frozen(("projections",)),
    "freeze relay": frozen(("relay",)),
    "freeze compaction": frozen(("compaction",)),
    "freeze PostgreSQL": postgres_frozen,
    "freeze NATS": nats_frozen,
    "end backends": backends_ended,
    "drop": network("drop", (*COMMANDS, *QUERIES, *FOLLOWERS)),
    "hang": network("hang", (*COMMANDS, *QUERIES, "projections")),
    "delay": network("delay", (*COMMANDS, *QUERIES, "projections")),
    "reset": reset,
    "swallow": swallowed,
    "exhaust connections": connections_exhausted,
    "hang up": hang_ups,
    "long transaction": long_transaction,
    "two relays": two_relays,
    "compact": compactions,
    "delete": deletions,
    "clock set back": clock_set_back,
    "stop command": stopped(COMMANDS),
    "stop query": stopped(QUERIES),
    "stop projections": stopped(("projections",)),
    "stop relay": stopped(("relay",)),
    "stop compaction": stopped(("compaction",)),
    "silent PostgreSQL": postgres_silent,
    "redeliver": redelivered,
    FULL_DISK: disk_full,
}

NEEDS: dict[str, tuple[Path, str]] = {"clock set back": (FAKETIME, "apt-get install faketime")}
"""Where a fault needs what may be missing: the file, and how to get it."""
