"""What a cluster must bear. Each strikes once while clients are at work, heals, and proves that it happened."""

import signal
import time

import psycopg

from projections.checkpoints import RELAY_PREFIX
from projections.relay.relay import NOTE_SECONDS
from projections.relay.stream import STREAM
from tests.cluster.nats import NODES
from tests.cluster.rig import ClusterRig
from tests.faults.strike import Strike
from tests.running import wait_until

HEAL = 60.0


def leader_killed(on: Strike) -> str:
    rig = _rig(on)
    leader = rig.cluster.leader()
    rig.cluster.kill(leader)
    wait_until(lambda: rig.cluster.leader() != leader, HEAL, lambda: "no other leader")
    on.last()
    rig.cluster.start(leader)
    _whole(rig)
    return f"killed {leader}, which led the stream"


def leader_cut_off(on: Strike) -> str:
    """It hears and says nothing, and does not know that another one leads."""
    rig = _rig(on)
    leader = rig.cluster.leader()
    rig.cluster.children[leader].send_signal(signal.SIGSTOP)
    on.last()
    wait_until(lambda: rig.cluster.leader() != leader, HEAL, lambda: "no other leader")
    rig.cluster.children[leader].send_signal(signal.SIGCONT)
    _whole(rig)
    return f"cut off {leader}, which led the stream"


def quorum_lost(on: Strike) -> str:
    """With one node of three nothing is stored: the relay stands still, the log goes on."""
    rig = _rig(on)
    lost = [name for name in NODES if name != rig.cluster.leader()]
    for name in lost:
        rig.cluster.kill(name)
    head = _head(rig)
    wait_until(lambda: _head(rig) >= head + 10, HEAL, lambda: "the log stands still")
    before = _noted(rig)
    on.last()
    relayed = _relayed(rig)
    assert relayed == before < _head(rig), f"the relay went on to {relayed} without a quorum"
    for name in lost:
        rig.cluster.start(name)
    _whole(rig)
    return f"killed {' and '.join(lost)}; the log went on by {_head(rig) - head} events"


def standby_promoted(on: Strike) -> str:
    rig = _rig(on)
    wait_until(rig.pair.synchronous, HEAL, lambda: "the standby is not synchronous")
    rig.pair.primary.kill()
    rig.pair.promote()
    acknowledged = on.clients.acknowledged
    wait_until(
        lambda: on.clients.acknowledged >= acknowledged + 10, HEAL, lambda: "no write after it"
    )
    on.last()
    rig.pair.copy()
    return f"killed the primary, promoted the standby; the old one stands by at port {rig.pair.standby.port}"


def standby_lost(on: Strike) -> str:
    """A commit waits for the standby: nothing is acknowledged that it does not have."""
    rig = _rig(on)
    rig.pair.standby.kill()
    wait_until(lambda: not rig.pair.synchronous(), HEAL, lambda: "still synchronous")
    acknowledged = on.clients.acknowledged
    on.last()
    stood = on.clients.acknowledged - acknowledged
    assert stood <= on.clients.number, f"{stood} writes were acknowledged without a standby"
    rig.pair.start_standby()
    return f"killed the standby for {on.seconds:.1f} s"


def _noted(rig: ClusterRig) -> int:
    """How far the relay is, once it has had the time to note it."""
    seen, since = -1, time.monotonic()

    def stands() -> bool:
        nonlocal seen, since
        now = _relayed(rig)
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() > since + 3 * NOTE_SECONDS

    wait_until(stands, HEAL, lambda: "the relay goes on without a quorum")
    return seen


CLUSTER_FAULTS = {
    "kill the stream's leader": leader_killed,
    "cut off the stream's leader": leader_cut_off,
    "lose the stream's quorum": quorum_lost,
    "promote the standby": standby_promoted,
    "lose the standby": standby_lost,
}


def _rig(on: Strike) -> ClusterRig:
    assert isinstance(on.rig, ClusterRig)
    return on.rig


def _whole(rig: ClusterRig) -> None:
    wait_until(rig.cluster.current, HEAL, lambda: "not every node has the stream")


def _one(rig: ClusterRig, statement: bytes, *values: str) -> int:
    with psycopg.connect(rig.database.service, autocommit=True) as connection:
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


def _head(rig: ClusterRig) -> int:
    return _one(rig, b"SELECT position FROM head")


def _relayed(rig: ClusterRig) -> int:
    """How far the relay says that it is."""
    return _one(
        rig, b"SELECT position FROM readmodels.tracking WHERE name = %s", RELAY_PREFIX + STREAM
    )
