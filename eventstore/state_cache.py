"""A bounded cache of folded states: what makes an append to a long conversation as cheap as to a short one."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

StateT = TypeVar("StateT")


class StateCache(Generic[StateT]):
    """The most recently used states, bounded in number and in weight (about bytes).

    A cached state may be stale: the log's unique versions decide, and the loser reads on from here.
    """

    def __init__(
        self, weigh: Callable[[StateT], int], *, most: int = 10_000, most_weight: int = 64 << 20
    ) -> None:
        self._weigh = weigh
        self._most = most
        self._most_weight = most_weight
        self._states: OrderedDict[str, tuple[StateT, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._states)

    def get(self, stream: str) -> StateT | None:
        found = self._states.get(stream)
        if found is None:
            return None
        self._states.move_to_end(stream)
        return found[0]

    def put(self, stream: str, state: StateT) -> None:
        self.drop(stream)
        weight = self._weigh(state)
        self._states[stream] = (state, weight)
        self._weight += weight
        while len(self._states) > self._most or (
            self._weight > self._most_weight and len(self._states) > 1
        ):
            _, (_, dropped) = self._states.popitem(last=False)
            self._weight -= dropped

    def drop(self, stream: str) -> None:
        found = self._states.pop(stream, None)
        if found is not None:
            self._weight -= found[1]
