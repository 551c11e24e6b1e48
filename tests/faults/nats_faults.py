"""NATS that dies and freezes."""

import shutil
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


def nats_store_lost(on: Strike) -> str:
    """All that JetStream held is gone, its consumers too: the relay fills the stream again from the log."""
    child = on.rig.nats.child
    assert child is not None
    child.kill()
    child.wait()
    store = on.rig.folder / "nats" / "nats" / "jetstream"
    size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    assert size > 0, f"nothing in {store}"
    shutil.rmtree(store)
    on.last()
    on.rig.nats.start()
    return f"deleted NATS' store, {size >> 10} KiB"


def nats_frozen(on: Strike) -> str:
    child = on.rig.nats.child
    assert child is not None
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: state_of(child.pid) == "T", 30)
    on.last()
    child.send_signal(signal.SIGCONT)
    return f"froze NATS for {on.seconds:.1f} s"
