"""POST /v1/chat/completions."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import msgspec

from domain import ids
from domain.events import MessageAppended
from domain.refusals import Refusal
from services.command.answers import position_header
from services.gateway.answers import Answers, Completion, completion_of, mended
from services.gateway.attempts import Attempts
from services.gateway.context import Context, ContextBuilder
from services.gateway.models import Models, Target
from services.gateway.recording import Recorder
from services.gateway.replays import streamed_again, whole_again
from services.gateway.requests import ChatBody, upstream_body, with_conversation
from services.gateway.streaming import Keeping, Passage, farewell
from services.gateway.turns import Turn, Turns, checked
from services.gateway.upstream import Upstream
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint
from services.http.errors import ApiError, from_refusal

UNBUFFERED = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
"""For proxies: events are to be passed on as they come."""
EVENTS = b"text/event-stream; charset=utf-8"


class ChatCompletion(msgspec.Struct):
    """OpenAI's answer as the model's service gave it, and the conversation's id."""

    conversation_id: str
    object: str
    choices: list[dict[str, Any]]
    id: str | None = None
    created: int | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None


class ChatRoutes:
    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        models: Models,
        upstream: Upstream,
        attempts: Attempts,
        turns: Turns,
        contexts: ContextBuilder,
        recorder: Recorder,
        answers: Answers,
    ) -> None:
        self._models = models
        self._upstream = upstream
        self._attempts = attempts
        self._turns = turns
        self._contexts = contexts
        self._recorder = recorder
        self._answers = answers
        self._keeping = Keeping()

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                *("POST", "/v1/chat/completions", "write", self.complete, "Ask a model"),
                answer=ChatCompletion,
                body=ChatBody,
                tag="chat completions",
                asks_model=True,
                media_types=("application/json", "text/event-stream"),
                headers=("X-Conversation-Id",),
                example_body=examples.CHAT,
                example_answer=examples.CHAT_ANSWER,
            )
        ]

    async def complete(self, call: Call[None, ChatBody]) -> Answer:
        """Ask a model, within a conversation: its context goes before the request's new messages.

        The new messages are stored before the model is called, its answer before it is given on; a stream is passed on
        as it comes, and stored before its end is told. A retry goes on where the first request stopped: no message is
        stored twice, and an answer that is there is given again.
        """
        sent = checked(call.body)
        target = self._models.target(call.body.model)
        async with AsyncExitStack() as stack:
            attempt = await stack.enter_async_context(self._attempts.begin(call))
            if attempt.stored is not None:
                stream = attempt.stored.stream
                first = await self._recorder.answered(stream, attempt.answer_id)
                if first is not None:
                    return _again(call, ids.split_stream(stream)[1], *first)
                turn = await self._turns.resume(call, attempt.stored, attempt.position)
            else:
                turn = await self._turns.begin(call, sent, attempt)
            try:
                context = await self._contexts.build(
                    turn.policy, turn.conversation.live, turn.new, target, call
                )
                asking = Asking(turn, attempt.answer_id, target, context)
                if not call.body.stream:
                    return await self._whole(call, asking)
            except (ApiError, Refusal) as error:
                raise _with_headers(error, turn) from None
            held = stack.pop_all()
        headers = [*_headers(turn), *UNBUFFERED]
        last = farewell(turn.conversation.id, call.request_id)
        return Answer(self._streamed(call, asking, held), 200, headers, EVENTS, last)

    async def _whole(self, call: Call[None, ChatBody], asking: "Asking") -> Answer:
        async with self._upstream.answering(asking.target, asking.request(call)) as reply:
            answer = await reply.whole()
        await self._keep(asking, completion_of(answer), None)
        body = with_conversation(mended(answer), asking.turn.conversation.id)
        return Answer(body, 200, _headers(asking.turn))

    async def _streamed(
        self, call: Call[None, ChatBody], asking: "Asking", held: AsyncExitStack
    ) -> AsyncGenerator[bytes]:
        """`held` is the lease on the request: it ends with the stream."""

        def keep(completion: Completion, incomplete: str | None) -> Awaitable[None]:
            return self._keep(asking, completion, incomplete)

        passage = Passage(asking.turn.conversation.id, call.request_id, self._keeping, keep)
        try:
            async with (
                held,
                self._upstream.answering(asking.target, asking.request(call)) as reply,
                aclosing(passage.events(reply)) as events,
            ):
                async for event in events:
                    yield event
        except ApiError as error:
            raise _with_headers(error, asking.turn) from None

    async def _keep(self, asking: "Asking", completion: Completion, incomplete: str | None) -> None:
        turn = asking.turn
        message = await self._answers.message(
            completion, asking.target, asking.answer_id, asking.context.tokens, incomplete
        )
        outcome = await self._recorder.answer(turn.conversation, message, turn.meta)
        turn.position = outcome.position

    async def stop(self) -> None:
        """Wait for what is being stored."""
        await self._keeping.stop()


class Asking(msgspec.Struct, frozen=True):
    """A request on its way to a model."""

    turn: Turn
    answer_id: str
    target: Target
    context: Context

    def request(self, call: Call[None, ChatBody]) -> bytes:
        return upstream_body(call.raw_body, self.target.model, self.context.messages)


def _again(
    call: Call[None, ChatBody], conversation: str, event: MessageAppended, position: int
) -> Answer:
    headers = [
        (b"x-conversation-id", conversation.encode()),
        position_header(position),
        (b"idempotent-replayed", b"true"),
    ]
    if call.body.stream:
        events = streamed_again(conversation, event, call.body, call.request_id)
        return Answer(events, 200, [*headers, *UNBUFFERED], EVENTS)
    return Answer(whole_again(conversation, event), 200, headers)


def _with_headers(error: ApiError | Refusal, turn: Turn) -> ApiError:
    """The caller is to know where its messages stand."""
    told = error if isinstance(error, ApiError) else from_refusal(error)
    told.headers += _headers(turn)
    return told


def _headers(turn: Turn) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-conversation-id", turn.conversation.id.encode()),
        position_header(turn.position),
    ]
