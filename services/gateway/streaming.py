"""Streamed answers: passed on event by event as they come, kept as far as they came."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from domain.refusals import Refusal
from eventstore.errors import EventStoreError
from services.gateway.answers import Completion
from services.gateway.assembling import Assembly
from services.gateway.refusals import unreadable_answer, upstream_error
from services.gateway.requests import with_conversation
from services.gateway.sse import DONE, Splitter, data_of, event_of, named
from services.gateway.upstream import MOST_ANSWER, MOST_STREAM, Reply
from services.http.errors import ApiError, from_event_store, from_refusal, render

INTERRUPTED = "interrupted"
"""Why an answer is incomplete whose client hung up, or whose process was stopped."""

Keep = Callable[[Completion, str | None], Awaitable[None]]
"""Appends an answer; the second is why it is incomplete. Raises Refusal, EventStoreError."""


class Keeping:
    """Appends that go on though the request that began them has gone."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def stop(self) -> None:
        """Wait for all."""
        if self._running:
            await asyncio.wait(self._running)


class Passage:
    """One streamed answer, on its way through."""

    def __init__(self, conversation: str, request_id: str, keeping: Keeping, keep: Keep) -> None:
        self._conversation = conversation
        self._request_id = request_id
        self._keeping = keeping
        self._keep = keep
        self._assembly = Assembly()
        self._done = b""
        """The event that ends the stream, held back until the answer is stored."""

    async def events(self, reply: Reply) -> AsyncGenerator[bytes]:
        """The service's events, with the conversation's id. Raises ApiError before the first one only.

        What goes wrong later is an event of its own, the last one. A stream that ends well is stored before its end is
        told.
        """
        begun = False
        fault: ApiError | None = None
        try:
            async with aclosing(self._passing(reply)) as passing:
                async for events in passing:
                    begun = True
                    yield events
        except ApiError as error:
            if not begun:
                raise
            fault = error
        except (GeneratorExit, asyncio.CancelledError):
            await self._store(INTERRUPTED)
            raise
        try:
            await self._store(fault.code if fault is not None else None)
        except Refusal as refusal:
            fault = from_refusal(refusal)
        except EventStoreError as error:
            fault = from_event_store(error)
        if fault is not None:
            yield self._told(fault)
        elif self._done:
            yield self._done

    async def _store(self, incomplete: str | None) -> None:
        """Nothing where nothing came."""
        assembly = self._assembly
        if assembly.finish_reason is not None or self._done:
            incomplete = None
        if incomplete is not None and assembly.is_empty:
            return
        completion = assembly.completion(whole=incomplete is None)
        await self._keeping.run(self._keep(completion, incomplete))

    async def _passing(self, reply: Reply) -> AsyncGenerator[bytes]:
        """As many events at a time as there are. Raises ApiError."""
        splitter = Splitter()
        async with aclosing(reply.pieces(MOST_STREAM)) as pieces:
            async for piece in pieces:
                events = [self._taken(event) for event in splitter.feed(piece)]
                if len(splitter.rest) > MOST_ANSWER:
                    raise unreadable_answer()
                if passed := b"".join(events):
                    yield passed
                if self._done:
                    return
        if self._assembly.finish_reason is None:
            if splitter.rest.strip():
                raise unreadable_answer()
            raise upstream_error("the model's service broke off its answer", "upstream_broke_off")

    def _taken(self, event: bytes) -> bytes:
        if self._done:
            return b""
        try:
            data = data_of(event)
        except ValueError:
            raise unreadable_answer() from None
        if not data:
            return event  # a comment: a sign of life
        if data.strip() == DONE:
            self._done = event
            return b""
        self._assembly.take(data)
        return named(_text(event), _text(data), self._conversation)

    def _told(self, fault: ApiError) -> bytes:
        return told_in_stream(fault, self._conversation, self._request_id)


def told_in_stream(fault: ApiError, conversation: str, request_id: str) -> bytes:
    """As an event."""
    return event_of(with_conversation(render(fault, request_id)[0], conversation))


def farewell(conversation: str, request_id: str) -> bytes:
    """The last event of a stream whose process ends before it."""
    fault = ApiError(
        503, "this process ends; what came of the answer is kept", INTERRUPTED, retry_after=1
    )
    return told_in_stream(fault, conversation, request_id)


def _text(data: bytes) -> bytes:
    """UTF-8 that every client can read."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data
