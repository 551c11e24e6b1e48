"""A conversation's state as bytes, so that it need not be folded again from the first event.

A snapshot is thrown away rather than believed: one of another `SCHEMA` is not read, and one that
does not decode is none.
"""

import msgspec

from domain.state import ConversationState

SCHEMA = 2
"""Of the state's shape *and* of the fold's rules. Raise it when the same events lead to another state than before,
or a field is added, renamed or dropped: `tests/domain/test_snapshot.py` fails while that is forgotten."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(ConversationState).decode


def frozen(state: ConversationState) -> bytes:
    return _encode(state)


def thawed(data: bytes) -> ConversationState | None:
    """None for what no program of this schema wrote."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
