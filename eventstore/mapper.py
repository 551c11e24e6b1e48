"""Stored rows to typed events."""

from domain.codec import Codec
from domain.envelope import Recorded
from eventstore.appends import StoredRow


class EventMapper:
    """Holds a codec; cheap to share, dear to make."""

    def __init__(self) -> None:
        self._decode = Codec().decode

    def recorded(self, row: StoredRow) -> Recorded:
        """Raises domain.codec.CodecError for what this program cannot read."""
        meta, event = self._decode(row.topic, row.state)
        return Recorded(row.stream, row.version, row.position, meta, event)
