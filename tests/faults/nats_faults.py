"""NATS that dies and freezes."""

import signal

from tests.faults.strike import Strike, state_of
from tests.running import wait_until


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
