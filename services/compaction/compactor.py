"""Compacts a conversation: loads what is needed, thinks, lets a model write where one is set, appends one event.

No lock is held while it thinks. Messages that come meanwhile stay as they are; a pin, a retraction or another
compaction makes the result void, and it is thought out again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from domain import refusals as r
from domain.commands import CompactConversation, PinMessage, RetractMessage, UnpinMessage
from domain.compaction import engine
from domain.compaction.due import is_due, is_progress, is_settled
from domain.compaction.engine import Live, Thought
from domain.compaction.pins import pinning, retracting, unpinning
from domain.compaction.recording import compaction_event
from domain.compaction.strategies import Wanted
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.events import ConversationCompacted
from domain.state import ConversationState
from domain.summaries import Summarizer
from eventstore.errors import Overloaded
from eventstore.folded import Folded
from eventstore.reader import LogReader
from eventstore.states import States
from services.compaction.asking import Append, Asked, Previewed, Result, compacted_at, nothing
from services.compaction.beside import beside
from services.compaction.loading import Loader
from services.compaction.writing import Memo, Writer
from services.http.minting import Minter
from services.http.tokenizers import Tokenizers

MadeT = TypeVar("MadeT")
Compacted = Callable[[str, int], None]
"""Is told of each compaction: its strategy, how many tokens it saved."""

ATTEMPTS = 10
"""How often what was overtaken is thought out again."""
IN_LINE = 3_000
"""Tokens that are thought about on the event loop; more than that is left to a thread."""
REMEMBERED = 10_000
"""Conversations whose last fruitless attempt is remembered."""


class Compactor:
    """One a process. Without a writer the built-in summariser does it all."""

    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        reader: LogReader,
        states: States,
        tokenizers: Tokenizers,
        minter: Minter,
        compacted: Compacted,
        writer: Writer | None = None,
        weights: Weights | None = None,
    ) -> None:
        self._reader = reader
        self._states = states
        self._tokenizers = tokenizers
        self._minter = minter
        self._compacted = compacted
        self._writer = writer
        self._weights = weights or Weights()
        self._loader = Loader(reader)
        self._fruitless: OrderedDict[tuple[str, int], int] = OrderedDict()
        """By the version of the last compaction, too: another one makes the context anew."""

    @property
    def calls_a_model(self) -> bool:
        return self._writer is not None

    async def preview(self, stream: str, asked: Asked) -> Previewed:
        """With the built-in summariser, whoever else is set. Raises domain.refusals.Refusal."""
        state = _standing(await self._states.newest(stream))
        wanted = asked.wanted(state.compaction)
        live, thought = await self._think(stream, state, wanted)
        return Previewed(state, wanted, live, thought)

    async def compact(self, stream: str, asked: Asked, append: Append) -> Result:
        """Raises domain.refusals.Refusal, writing.SummaryError, and what `append` raises.

        Where another compaction came first, that one's result is told.
        """
        begun: int | None = None
        memo: Memo = {}
        for _ in range(ATTEMPTS):
            folded = await self._states.newest(stream)
            state = _standing(folded)
            version = compacted_at(state)
            if begun is not None and version > begun:
                return await self._of_the_other(stream, state)
            begun = version
            if asked.trigger == "automatic" and not is_due(
                state, self._fruitless.get((stream, version)), anew=asked.anew(state)
            ):
                return _idle(state, asked, folded.position)
            command = await self._command(stream, state, asked, memo)
            if command is None:
                if asked.trigger == "automatic":
                    self._remember(stream, version, state.context_tokens)
                    return _idle(state, asked, folded.position)
                command = nothing(asked, state)
            try:
                landed = await append(command)
            except r.CompactionOvertaken:
                continue
            event = next((e for e in landed.events if isinstance(e, ConversationCompacted)), None)
            strategy = asked.wanted(state.compaction).strategy
            if event is not None:
                self._compacted(strategy, event.tokens_before - event.tokens_after)
            overtaken = event is not None and (
                event.watermark < landed.state.last_sequence
                or landed.state.compaction != state.compaction
            )
            return Result(
                landed.state,
                strategy,
                event,
                landed.position,
                landed.occurred_at,
                overtaken=overtaken,
            )
        raise Overloaded("the conversation changes too fast to be compacted; try again shortly")

    async def _command(
        self, stream: str, state: ConversationState, asked: Asked, memo: Memo
    ) -> CompactConversation | None:
        wanted = asked.wanted(state.compaction)
        live, thought = await self._think(stream, state, wanted, anew=asked.anew(state))
        if thought is None:
            return None
        summarizer: Summarizer = engine.EXTRACTS
        if self._writer is not None and thought.told:
            tokens, tools = state.context_tokens, await self.tools()
            parts, now = await self._run(tokens, lambda tools: engine.plan(live, wanted, tools))
            told = await self._writer.written(
                live, parts, tools, self._weights, asked.instructions, memo
            )
            written = await self._run(
                tokens,
                lambda tools: engine.concluded(live, parts, told, now, tools) if told else None,
            )
            if written is not None:  # else no sentence of it fits, and the built-in one's do
                thought, summarizer = written, self._writer.summarizer
        if asked.trigger == "automatic" and not is_progress(
            thought.tokens_before, thought.tokens_saved
        ):
            return None
        event = compaction_event(
            thought,
            wanted,
            state,
            f"cmp_{self._minter.hex_id()}",
            f"sum_{self._minter.hex_id()}",
            trigger=asked.trigger,
            tokenizer=self._tokenizers.default,
            summarizer=summarizer,
            instructions=asked.instructions,
        )
        return CompactConversation(event, state.version)

    async def _think(
        self, stream: str, state: ConversationState, wanted: Wanted, *, anew: bool = False
    ) -> tuple[Live, Thought | None]:
        loaded = await self._loader.load(stream, state)
        live = loaded.live(state)
        if is_settled(state, wanted) and not anew:
            return live, None
        return live, await self._run(
            state.context_tokens,
            lambda tools: engine.think(live, wanted, tools, self._weights),
        )

    async def _of_the_other(self, stream: str, state: ConversationState) -> Result:
        assert state.compacted is not None  # noqa: S101 - another compaction was seen
        rows = await self._reader.stream_page(stream, state.compacted.version - 1, 1)
        meta, event = self._states.decode(rows[0])
        return Result(
            state,
            event.strategy,
            event,
            rows[0].position,
            meta.occurred_at,
            overtaken=event.watermark < state.last_sequence,
        )

    def _remember(self, stream: str, version: int, tokens: int) -> None:
        self._fruitless[stream, version] = tokens
        self._fruitless.move_to_end((stream, version))
        if len(self._fruitless) > REMEMBERED:
            self._fruitless.popitem(last=False)

    async def pinning(self, stream: str, sequence: int, *, pin: bool) -> PinMessage | UnpinMessage:
        """A pin of a compacted message, with what it brings back and costs. Raises domain.refusals.Refusal."""
        state = _standing(await self._states.newest(stream))
        loaded = await self._loader.load(stream, state, around=sequence)
        tools = await self.tools()
        made = pinning if pin else unpinning
        return made(state, loaded.entries, loaded.last, sequence, tools)

    async def retracting(self, stream: str, message_id: str, sequence: int) -> RetractMessage:
        """A retraction, with what leaves the context: its group's results, its pieces of the summary.

        Appended at any other version it is refused as overtaken. Raises domain.refusals.Refusal.
        """
        state = _standing(await self._states.newest(stream))
        if sequence in state.retracted:
            return RetractMessage(message_id, sequence, 0)
        loaded = await self._loader.load(stream, state, around=sequence)
        if all(entry.sequence != sequence for entry in loaded.entries):
            # Of another kind than a message: it stands in no context.
            return RetractMessage(message_id, sequence, 0)
        return retracting(state, loaded.entries, loaded.last, sequence, await self.tools())

    async def tools(self, name: str | None = None) -> Tools:
        if self._tokenizers.has(name or self._tokenizers.default):
            return self._tokenizers.tools(name)
        return await asyncio.to_thread(self._tokenizers.tools, name)

    async def _run(self, tokens: int, think: Callable[[Tools], MadeT]) -> MadeT:
        return await beside(tokens > IN_LINE, think, await self.tools())


def _standing(folded: Folded) -> ConversationState:
    """Raises ConversationNotFound, ConversationIsDeleted."""
    if folded.state is None:
        raise r.ConversationNotFound
    if folded.state.deleted_at is not None:
        raise r.ConversationIsDeleted
    return folded.state


def _idle(state: ConversationState, asked: Asked, position: int) -> Result:
    strategy = asked.wanted(state.compaction).strategy
    return Result(state, strategy, None, position, state.updated_at)
