"""A small disk that a test can fill: PostgreSQL's data on a tmpfs of its own."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.strike import Strike
from tests.running import wait_until

MEGABYTES = 320


class CannotMount(Exception):  # noqa: N818 - names the finding
    """This machine does not let us; the message says why."""


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """Raises CannotMount."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(path)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        raise CannotMount(mounted.stderr.strip())
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def disk_full(on: Strike) -> str:
    """Not a byte is free for a while. PostgreSQL may refuse, or fall and get up; we start it again if it stays down."""
    assert on.rig.disk is not None, "this rig has no small disk"
    ballast = on.rig.disk / "ballast"
    refused = _fill(ballast)
    unacknowledged = on.clients.acknowledged
    on.last()
    # Writes fit into what PostgreSQL had reserved, until it needs one page more.
    wait_until(lambda: _fill(ballast) and _stuck(on), 60, lambda: "writes go on for ever")
    ballast.unlink()
    postgres = on.rig.postgres
    if postgres.child is None or postgres.child.poll() is not None:
        on.rig.restart_postgres()
    on.rig.wait_all()
    assert refused
    return f"filled the disk; {on.clients.acknowledged - unacknowledged} writes still fitted"


def _fill(ballast: Path) -> bool:
    """Take all that is free; True once the disk says no."""
    piece = b"\0" * 65_536
    with ballast.open("ab", buffering=0) as file:
        while True:
            try:
                if file.write(piece) < len(piece):
                    return True
            except OSError:
                return True


def _stuck(on: Strike) -> bool:
    before = on.clients.acknowledged
    time.sleep(0.5)
    return on.clients.acknowledged == before
