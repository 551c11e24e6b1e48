"""One message appended the short way: begun in the turn of the event loop that read the request, answered from the writer's call.

No task, no coroutine, no future: they were a third of an append's time (measured). It takes an append that nothing stands in the
way of, to a conversation whose state is here. For any other, and where the log says no, the ordinary way (`message_routes.py`) does
it all from the beginning: until the append is posted nothing here has left a trace, and what the log has refused left none there.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from domain.commands import AppendMessages
from domain.ids import stream_id
from eventstore.appends import Appended
from eventstore.errors import Overloaded, Unavailable
from eventstore.folded import Folded
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.command.answers import messages_answer
from services.command.drafts import Drafter
from services.command.handle import Decision, Handler, Order, Outcome, evolved
from services.command.once import Once, Slot, key_of
from services.command.orders import conversation_of, order_of
from services.command.requests import MessageIn
from services.http.endpoint import Answered, Call, Write
from services.http.minting import Minter

log = logging.getLogger(__name__)

GivenT = TypeVar("GivenT")


class AppendAtOnce:
    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        handler: Handler,
        writer: GroupCommitWriter,
        states: States,
        once: Once,
        drafter: Drafter,
        minter: Minter,
    ) -> None:
        self.handler = handler
        self.writer = writer
        self.states = states
        self.once = once
        self._drafter = drafter
        self._minter = minter
        self._ended: list[tuple[_Begun, Appended | Exception]] = []

    def begin(self, call: Call[Any, MessageIn], answered: Answered) -> bool:
        """Whether it is begun: then `answered` is called, in a later turn of the loop. Else nothing has happened.

        Raises what the ordinary way will raise again.
        """
        key = key_of(call)
        slot = None if key is None else (call.workspace, key)
        conversation = conversation_of(call)
        stream = stream_id(call.workspace, conversation)
        folded = self.states.cached(stream)
        if (
            folded.state is None
            or not self.states.turns.is_free(stream)
            or (slot is not None and self.once.is_in_flight(slot))
            or (draft := self._drafter.draft(call.body, self._minter.now())) is None
        ):
            return False
        command = AppendMessages((draft.message,), in_list=False)
        order = order_of(call, self._minter, conversation, command, "message")
        decision = self.handler.decision(order, folded)
        decision.decide()
        self.writer.post(
            decision.append(), _Begun(self, order, decision, conversation, slot, answered)
        )
        self.states.turns.take_at_once(stream)
        if slot is not None:
            self.once.begin(slot)
        return True

    def ended(self, begun: "_Begun", result: Appended | Exception) -> None:
        """What ends in one turn of the loop is told in the next; by then the writer has sent its next batch."""
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._tell)
        self._ended.append((begun, result))

    def _tell(self) -> None:
        self._ended, ended = [], self._ended
        writes = [_alone(begun.tell, result) for begun, result in ended]
        for write in writes:
            if write is not None:
                _alone(write)


def _alone(call: Callable[..., GivenT], *given: Any) -> GivenT | None:
    """What goes wrong with one is not for the others to bear."""
    try:
        return call(*given)
    except Exception:
        log.exception("an answer could not be sent")
        return None


class _Begun:
    """An append on its way; the writer takes it for a future."""

    __slots__ = ("_answered", "_conversation", "_decision", "_done", "_order", "_slot", "_way")

    def __init__(  # noqa: PLR0917 - all that there is to remember
        self,
        way: AppendAtOnce,
        order: Order,
        decision: Decision,
        conversation: str,
        slot: Slot | None,
        answered: Answered,
    ) -> None:
        self._way = way
        self._order = order
        self._decision = decision
        self._conversation = conversation
        self._slot = slot
        self._answered = answered
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, result: Appended) -> None:
        self._done = True
        self._way.ended(self, result)

    def set_exception(self, exception: Exception) -> None:
        self._done = True
        self._way.ended(self, exception)

    def tell(self, result: Appended | Exception) -> Write | None:
        return self._failed(result) if isinstance(result, Exception) else self._appended(result)

    def _appended(self, appended: Appended) -> Write | None:
        order, decision = self._order, self._decision
        position = appended.last_position
        try:
            state = evolved(decision.folded, decision.events, order.meta)
            self._way.states.remember(order.stream, Folded(state, position))
            outcome = Outcome(state, decision.events, position)
            answer = messages_answer(self._conversation, outcome, 201, single=True)
        except Exception as error:  # noqa: BLE001 - it stands in the log: not to be done again
            self._end()
            return self._answered(error)
        self._end()
        return self._answered(answer)

    def _failed(self, error: Exception) -> Write | None:
        """What may be in the log nevertheless is told; all else is thought out again, the ordinary way."""
        self._end()
        return self._answered(error if isinstance(error, (Unavailable, Overloaded)) else None)

    def _end(self) -> None:
        self._way.states.turns.give(self._order.stream)
        if self._slot is not None:
            self._way.once.end(self._slot)
