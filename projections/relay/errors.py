"""What can stand between the log and JetStream.

RelayError
├── NatsUnavailable   no server answers, or it has no JetStream for this login; tried again
├── Refused           the server does not store what it is given; tried again
└── ForeignStream     the stream holds what is not in this log; nothing is published until it is made anew
"""


class RelayError(Exception):
    """Events are not on their way; the message says why."""


class NatsUnavailable(RelayError):  # noqa: N818 - a state, not a fault
    """NATS cannot be used at the moment."""


class Refused(RelayError):  # noqa: N818 - the field's word
    """JetStream did not store an event, and not because another relay had brought it."""


class ForeignStream(RelayError):  # noqa: N818 - names the finding
    """The stream and the log do not tell the same story."""
