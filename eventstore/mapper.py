"""Stored rows to typed events, and to published ones."""

from contextlib import suppress
from typing import Any

from domain.codec import Codec, CodecError
from domain.envelope import Meta, Recorded
from domain.published import CloudEvent, published, unreadable
from eventstore.appends import StoredRow


class EventMapper:
    """Holds a codec; cheap to share, dear to make."""

    def __init__(self) -> None:
        codec = Codec()
        self._decode = codec.decode
        self._decode_meta = codec.decode_meta

    def recorded(self, row: StoredRow) -> Recorded:
        """Raises domain.codec.CodecError for what this program cannot read."""
        meta, event = self._decode(row.topic, row.state)
        return Recorded(row.stream, row.version, row.position, meta, event)

    def stored(self, row: tuple[Any, ...]) -> Recorded:
        """As `recorded`, from the columns of a row."""
        return self.recorded(StoredRow(*row))

    def cloud_event(self, row: StoredRow, *, content: bool) -> CloudEvent:
        """As others read it, with what people wrote or without; what cannot be read has null data."""
        try:
            return published(self.recorded(row), content=content)
        except CodecError:
            meta: Meta | None = None
            with suppress(CodecError):
                meta = self._decode_meta(row.topic, row.state)
            return unreadable(row.stream, row.version, row.position, row.topic, meta)
