"""Reads of a conversation's context, and of its summaries."""

import msgspec

from domain import ids
from domain import resources as res
from domain.refusals import ConversationNotFound
from projections.reading import SummaryRows, summary_rows
from services.compaction.contexts import Context, Contexts, Reading
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, data, list_body
from services.http.errors import bad_request
from services.query.history import History
from services.query.reads import (
    BEYOND_LAST,
    Reads,
    headers_of,
    ordered,
    standing,
    values_of,
)
from services.query.requests import GetContext, ListSummaries


class ContextAnswer(msgspec.Struct):
    data: Context


class SummaryList(msgspec.Struct):
    data: list[res.Summary]
    has_more: bool
    next_cursor: str | None


class ContextRoutes:
    def __init__(self, reads: Reads, history: History, contexts: Contexts) -> None:
        self._reads = reads
        self._history = history
        self._contexts = contexts
        self._read_summaries = ordered("read_summaries")

    def endpoints(self) -> list[Endpoint]:
        one = "/v1/conversations/{conversation_id:str}"
        return [
            Endpoint(
                *("GET", f"{one}/context", "read", self.get_context, "Get the context"),
                answer=ContextAnswer,
                query=GetContext,
                tag="compaction",
                example_answer=examples.CONTEXT,
            ),
            Endpoint(
                *("GET", f"{one}/summaries", "read", self.list_summaries, "List summaries"),
                answer=SummaryList,
                query=ListSummaries,
                tag="compaction",
                example_answer=examples.SUMMARY_LIST,
            ),
        ]

    async def get_context(self, call: Call[GetContext, None]) -> Answer:
        """Get the conversation as input for a model: the summary, and the messages that were not compacted.

        It is always valid input: a tool call without a result gets a marked synthetic one. With `max_tokens` it is
        made to fit, for this answer only; what must stay (system messages, pins, open calls, the last user message) is
        never left out, and where that alone is too much, the answer is 400 with the number needed. The same version,
        parameters and `engine` give the same bytes.
        """
        asked = call.query
        conversation: str = call.path["conversation_id"]
        whole = asked.strategy == "none"
        rows = await self._reads.context(call, whole=whole)
        state = standing(rows)
        live = rows.live(whole=whole)
        if asked.as_of is not None and asked.as_of != state.version:
            stream = ids.stream_id(call.workspace, conversation)
            stood = await self._history.stood(stream, conversation, asked.as_of, 0)
            if stood is None or stood.state.deleted_at is not None:
                raise bad_request(
                    "the conversation was deleted at that version", "invalid_value", "as_of"
                )
            state = stood.state
            loaded = await self._contexts.loader.load(stream, state, whole=whole)
            live = loaded.live(state, whole=whole)
        reading = Reading(
            asked.max_tokens,
            asked.model,
            asked.strategy,
            asked.include_system,
            asked.include_summary,
            asked.format,
        )
        made = await self._contexts.context(
            conversation, state.version, state.compaction, live, reading
        )
        return Answer(data(made), 200, headers_of(rows.freshness, state.version))

    async def list_summaries(self, call: Call[ListSummaries, None]) -> Answer:
        """List the summaries of a conversation, oldest first. Each stands for all that those before it did."""
        asked = call.query
        after = self._reads.place(call, [asked.order, "summaries"], int)
        first = 0 if asked.order == "asc" else BEYOND_LAST
        values = values_of(call) | {
            "after": first if after is None else after,
            "limit": asked.limit + 1,
        }

        async def fetch() -> SummaryRows:
            statement = self._read_summaries[asked.order]
            return summary_rows((await self._reads.connections.fetch(statement, values))[0])

        rows = await self._reads.consistency.read(call, fetch)
        if rows.resource is None or rows.status == "deleted":
            raise ConversationNotFound
        more = len(rows.summaries) > asked.limit
        place = rows.versions[asked.limit - 1] if more else None
        cursor = self._reads.cursor(call, [asked.order, "summaries"], place) if more else None
        body = list_body(rows.summaries[: asked.limit], cursor)
        return Answer(body, 200, headers_of(rows.freshness, rows.version))
