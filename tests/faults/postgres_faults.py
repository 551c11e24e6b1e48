"""PostgreSQL that dies, freezes, ends connections, has none left; and the network before it."""

import signal
import time

import psycopg

from tests.deploy.support import descendants
from tests.faults.proxy import Mode
from tests.faults.rig import COMMANDS, signal_all
from tests.faults.strike import Fault, Strike, state_of
from tests.running import wait_until


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
    signal_all(pids, signal.SIGSTOP)
    wait_until(lambda: state_of(child.pid) == "T", 30)
    on.last()
    signal_all(pids, signal.SIGCONT)
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


def long_transaction(on: Strike) -> str:
    """A snapshot held open: the head row's old versions cannot be cleaned away meanwhile."""
    with psycopg.connect(on.rig.database.owner) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = connection.execute("SELECT position FROM head").fetchone()
        on.last()
        wait_until(lambda: on.clients.acknowledged > 20, 60)
        assert connection.execute("SELECT position FROM head").fetchone() == before
    return "held a snapshot open"
