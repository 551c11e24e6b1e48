"""A conversation folded from the log."""

import msgspec

from domain.state import ConversationState


class Folded(msgspec.Struct, frozen=True):
    """A conversation as it stands, and where its last event stands in the log."""

    state: ConversationState | None
    position: int

    @property
    def version(self) -> int:
        return self.state.version if self.state is not None else 0


UNKNOWN = Folded(None, 0)
