"""Previews of compactions: thought out as they would be, by several strategies at once, nothing appended."""

import asyncio
from typing import Any, get_args

import msgspec

from domain import ids
from domain.compaction import engine
from domain.compaction.due import is_settled
from domain.compaction.weights import Weights
from domain.policy import Strategy
from domain.state import ConversationState
from services.compaction.answers import PreviewAnswer, preview
from services.compaction.asking import Asked, Previewed
from services.compaction.contexts import Contexts
from services.compaction.loading import Loaded
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, data
from services.http.errors import bad_request
from services.query.reads import Reads, headers_of, standing
from services.query.requests import PreviewQuery, PreviewRequest

COST = 10
"""Of the rate limits, as a compaction."""


class PreviewRoutes:
    """Messages come from the log, as they do for a compaction: the numbers are the same."""

    def __init__(self, reads: Reads, contexts: Contexts, *, calls_a_model: bool) -> None:
        self._reads = reads
        self._contexts = contexts
        self._calls_a_model = calls_a_model
        self._weights = Weights()

    def endpoints(self) -> list[Endpoint]:
        path = "/v1/conversations/{conversation_id:str}/compact/preview"
        return [
            Endpoint(
                *("POST", path, "read", self.post, "Preview a compaction"),
                answer=PreviewAnswer,
                body=PreviewRequest,
                needs_body=False,
                cost=COST,
                tag="compaction",
                example_body=examples.PREVIEW,
                example_answer=examples.PREVIEW_ANSWER,
            ),
            Endpoint(
                *("GET", path, "read", self.get, "Preview a compaction"),
                answer=PreviewAnswer,
                query=PreviewQuery,
                cost=COST,
                tag="compaction",
                example_answer=examples.PREVIEW_ANSWER,
            ),
        ]

    async def post(self, call: Call[Any, PreviewRequest]) -> Answer:
        """See what a compaction would do, with the context as it would be. Nothing happens.

        With `strategies` the answer is a list, one a strategy. Where a model summarises, the built-in summariser
        stands in for it here, and the answer says `estimated`.
        """
        body = call.body
        self._check(body)
        asked = Asked("manual", body.strategy, body.keep_recent, body.target_tokens)
        return await self._answer(call, asked, body.strategies)

    async def get(self, call: Call[PreviewQuery, None]) -> Answer:
        """See what a compaction would do, with the context as it would be. Nothing happens."""
        query = call.query
        self._check(query)
        target = query.target_tokens if query.target_tokens is not None else msgspec.UNSET
        asked = Asked("manual", query.strategy, query.keep_recent, target)
        names = _named(query.strategies) if query.strategies is not None else None
        return await self._answer(call, asked, names)

    def _check(self, asked: PreviewRequest | PreviewQuery) -> None:
        """Raises ApiError (400)."""
        if not asked.preview_only:
            raise bad_request(
                "a preview compacts nothing; to compact, POST to the path without /preview",
                "invalid_value",
                "preview_only",
            )
        if asked.instructions is not None and not self._calls_a_model:
            raise bad_request(
                "the built-in summariser takes no instructions; leave them out",
                "instructions_not_supported",
                "instructions",
            )

    async def _answer(
        self, call: Call[Any, Any], asked: Asked, strategies: list[Strategy] | None
    ) -> Answer:
        if strategies is not None and asked.strategy is not None:
            raise bad_request("give `strategy` or `strategies`", "invalid_value", "strategies")
        conversation: str = call.path["conversation_id"]
        rows = await self._reads.context(call)
        state = standing(rows)
        stream = ids.stream_id(call.workspace, conversation)
        loaded = await self._contexts.loader.load(stream, state)
        tools = await self._contexts.tools()
        shown = [
            await preview(
                conversation,
                await self._thought(state, loaded, asked, strategy),
                tools,
                estimated=self._calls_a_model,
            )
            for strategy in _each(strategies, asked)
        ]
        body = b"[" + b",".join(shown) + b"]" if strategies is not None else shown[0]
        return Answer(data(body), 200, headers_of(rows.freshness, state.version))

    async def _thought(
        self, state: ConversationState, loaded: Loaded, asked: Asked, strategy: Strategy | None
    ) -> Previewed:
        one = msgspec.structs.replace(asked, strategy=strategy)
        wanted = one.wanted(state.compaction)
        live = loaded.live(state)
        if is_settled(state, wanted):
            return Previewed(state, wanted, live, None)
        tools = await self._contexts.tools()
        thought = await asyncio.to_thread(engine.think, live, wanted, tools, self._weights)
        return Previewed(state, wanted, live, thought)


def _named(text: str) -> list[Strategy]:
    """Raises ApiError (400)."""
    try:
        return msgspec.convert(text.split(","), list[Strategy])
    except msgspec.ValidationError:
        raise bad_request(
            f"expected one or several of {', '.join(get_args(Strategy))}, with commas between them",
            "invalid_value",
            "strategies",
        ) from None


def _each(strategies: list[Strategy] | None, asked: Asked) -> list[Strategy | None]:
    """Once each, in order."""
    return [*dict.fromkeys(strategies)] if strategies is not None else [asked.strategy]
