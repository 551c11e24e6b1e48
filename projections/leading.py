"""Who keeps what up to date: one process at a time, by an advisory lock that ends with its connection."""

from eventstore.connect import Connection
from projections.registry import GROUPS, Group

RELAY = 0x7665_7262_7265_6C61
""""verbrela": the relay's lock; a group of read models has its own."""

# The key of an advisory lock is shown in two halves.
_HELD = b"""
SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
 WHERE locktype = 'advisory' AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def lead(connection: Connection, lock: int) -> bool:
    """Become the one that holds it, if nobody else does; until this connection ends."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
    return row is not None and bool(row[0])


def is_led(connection: Connection, lock: int) -> bool:
    """Whether some process holds it."""
    return lock in _held(connection)


def unled(connection: Connection) -> list[Group]:
    """The groups of read models that no process keeps up to date."""
    held = _held(connection)
    return [group for group in GROUPS if group.lock not in held]


def _held(connection: Connection) -> set[int]:
    return {int(row[0]) for row in connection.execute(_HELD)}
