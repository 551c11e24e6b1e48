"""The read models there are."""

from projections.conversations import Conversations
from projections.messages import Messages
from projections.read_model import ReadModel


def core() -> list[ReadModel]:
    """Those that one runner keeps in one transaction: a read of a conversation needs both."""
    return [Conversations(), Messages()]
