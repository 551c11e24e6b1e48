"""The bytes of an export, as they are made."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

from services.query.export.standing import PastLog, Standing
from services.query.export.writing import Counts, Head, Part, Writer

CHUNK = 64 << 10
"""Smaller pieces are put together: small conversations must not be sent in a packet each."""


async def export_body(
    log: PastLog,
    streams: AsyncIterable[str],
    head: Head,
    writer: Writer,
    counts: Counts,
    *,
    include_events: bool,
) -> AsyncGenerator[bytes]:
    """`counts` tells at any time how far it is. Raises domain.codec.CodecError, EventStoreError."""
    waiting = [writer.begin(head)]
    size = 0
    async for piece in _pieces(log, streams, writer, counts, include_events=include_events):
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join([*waiting, writer.end(counts)])


async def _pieces(
    log: PastLog,
    streams: AsyncIterable[str],
    writer: Writer,
    counts: Counts,
    *,
    include_events: bool,
) -> AsyncIterator[bytes]:
    async for stream in streams:
        standing = await log.conversation(stream)
        if standing is None:
            continue
        yield writer.open(standing.resource)
        for name, pages in _parts(standing, include_events=include_events).items():
            yield writer.part(name)
            async for page in pages:
                setattr(counts, name, getattr(counts, name) + len(page))
                yield writer.items(page)
        yield writer.close()
        counts.conversations += 1


def _parts(standing: Standing, *, include_events: bool) -> dict[Part, AsyncGenerator[list[bytes]]]:
    parts: dict[Part, AsyncGenerator[list[bytes]]] = {
        "messages": standing.messages(),
        "summaries": standing.summaries(),
    }
    if include_events:
        parts["events"] = standing.events()
    return parts
