"""Processes of the service that are killed, frozen, doubled, or whose clock is wrong."""

import signal
from pathlib import Path

import psycopg

from tests.faults.rig import COMMANDS
from tests.faults.strike import Fault, Strike, state_of
from tests.running import wait_until

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""Debian's package `faketime`."""


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
