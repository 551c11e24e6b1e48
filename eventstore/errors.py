"""What can go wrong at the log.

EventStoreError
├── Conflict              the append was not made; nothing of it was
│   ├── VersionConflict   the stream has moved on: read on and decide again
│   ├── MessageIdTaken    the stream holds a message of this id
│   └── KeyTaken          the workspace holds this idempotency key
├── Overloaded            too much is queued; nothing was appended; try again shortly
├── Unavailable           the database cannot be reached, or the process is stopping
├── SchemaMismatch        the database's tables are not the ones this program knows
└── UnsafeServer          the server's settings would break a promise
"""


class EventStoreError(Exception):
    """The log could not do what was asked."""


class Conflict(EventStoreError):  # noqa: N818 - the field's word
    """The append was not made."""


class VersionConflict(Conflict):
    """The stream has moved on."""


class MessageIdTaken(Conflict):
    """The stream holds a message of one of these ids."""


class KeyTaken(Conflict):
    """The workspace holds this idempotency key."""


class Overloaded(EventStoreError):  # noqa: N818 - a state, not a fault
    """More appends are waiting than the queue holds; try again shortly."""

    retry_after = 1


class Unavailable(EventStoreError):  # noqa: N818 - a state, not a fault
    """The event log cannot be written at the moment; try again shortly."""

    retry_after = 2


class SchemaMismatch(EventStoreError):  # noqa: N818 - names the finding
    """The database's tables are not the ones this program knows."""


class UnsafeServer(EventStoreError):  # noqa: N818 - names the finding
    """The server's settings would break a promise."""
