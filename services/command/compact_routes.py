"""Compacting a conversation by hand."""

from typing import Any

from domain import ids
from domain.commands import CompactConversation
from services.command.answers import headers_of
from services.command.handle import Handler, Order
from services.command.leased import Leased
from services.command.once import Once, key_of
from services.command.orders import conversation_of, if_match_of, keyed_of, meta_of
from services.command.requests import CompactRequest
from services.compaction.answers import CompactionAnswer, compaction, nothing, preview
from services.compaction.asking import Asked, Landed
from services.compaction.compactor import Compactor
from services.compaction.writing import SummarizerTooSlow, SummaryError
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, data
from services.http.errors import ApiError, bad_request
from services.http.minting import Minter

COST = 10
"""Of the rate limits: a compaction reads and thinks about everything that is live."""


class CompactRoutes:
    def __init__(
        self, handler: Handler, compactor: Compactor, once: Once, leased: Leased, minter: Minter
    ) -> None:
        self._handler = handler
        self._compactor = compactor
        self._once = once
        self._leased = leased
        self._minter = minter

    def endpoints(self) -> list[Endpoint]:
        path = "/v1/conversations/{conversation_id:str}/compact"
        return [
            Endpoint(
                *("POST", path, "write", self.compact, "Compact a conversation"),
                answer=CompactionAnswer,
                body=CompactRequest,
                needs_body=False,
                cost=COST,
                tag="compaction",
                example_body=examples.COMPACT,
                example_answer=examples.COMPACTION_ANSWER,
                asks_model=True,
            ),
        ]

    async def compact(self, call: Call[Any, CompactRequest]) -> Answer:
        """Make the context shorter. The log keeps every message; pinned ones stay in the context.

        Where nothing can be saved, all numbers are zero and nothing happens. `preview_only` shows what would happen.
        """
        asked = self._asked(call.body)
        if call.body.preview_only:
            return await self._preview(call, asked)
        keyed = self._leased if self._compactor.calls_a_model else self._once
        return await keyed.answer(call, key_of(call), lambda: self._compact(call, asked))

    def _asked(self, body: CompactRequest) -> Asked:
        if body.instructions is not None and not self._compactor.calls_a_model:
            raise bad_request(
                "the built-in summariser takes no instructions; leave them out, or set a model as summariser",
                "instructions_not_supported",
                "instructions",
            )
        return Asked(
            "manual", body.strategy, body.keep_recent, body.target_tokens, body.instructions
        )

    async def _preview(self, call: Call[Any, CompactRequest], asked: Asked) -> Answer:
        conversation = conversation_of(call)
        previewed = await self._compactor.preview(
            ids.stream_id(call.workspace, conversation), asked
        )
        tools = await self._compactor.tools()
        estimated = self._compactor.calls_a_model
        body = await preview(conversation, previewed, tools, estimated=estimated)
        return Answer(data(body), 200, [(b"etag", b'"%d"' % previewed.state.version)])

    async def _compact(self, call: Call[Any, CompactRequest], asked: Asked) -> Answer:
        conversation = conversation_of(call)
        stream = ids.stream_id(call.workspace, conversation)
        meta = meta_of(call, self._minter)

        async def append(command: CompactConversation) -> Landed:
            order = Order(
                stream,
                command,
                meta,
                if_match=if_match_of(call),
                keyed=keyed_of(call),
                kind="compacted",
                note=command.compacted.strategy,
            )
            outcome = await self._handler.handle(order)
            return Landed(outcome.state, outcome.events, outcome.position, meta.occurred_at)

        try:
            result = await self._compactor.compact(stream, asked, append)
        except SummaryError as error:
            raise _upstream(error) from error
        if result.event is None:
            body = nothing(conversation, result.strategy)
        else:
            body = compaction(conversation, result.event, result.occurred_at)
        return Answer(data(body), 200, headers_of(result.state.version, result.position))


def _upstream(error: SummaryError) -> ApiError:
    if isinstance(error, SummarizerTooSlow):
        return ApiError(
            504, f"{error}; nothing was compacted, try again", "summarizer_timeout", retry_after=10
        )
    return ApiError(
        502, f"{error}; nothing was compacted, try again", "summarizer_failed", retry_after=10
    )
