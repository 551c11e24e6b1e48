"""What the tests of the projections share."""

import threading
from typing import Any

import msgspec
import psycopg

from domain import resources
from domain.state import ConversationState
from eventstore.follower import Follower
from projections.checkpoints import lag
from projections.registry import GROUPS
from projections.runner import Runner
from tests.histories import History


def catch_up(dsn: str, page: int = 1_000) -> None:
    """Run the projections until they have taken in all there is."""
    for group in GROUPS:
        runner = Runner(dsn, group, page=page, stop=threading.Event())
        follower = Follower(dsn, page=page)
        runner.prepare(follower)
        while runner.step(follower):
            pass
        follower.close()


def rows_of(dsn: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Resources by stream, and messages by stream in order of sequence."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        conversations = {
            f"{workspace}:{name}": msgspec.json.decode(resource)
            for workspace, name, resource in connection.execute(
                "SELECT workspace, id, resource FROM readmodels.conversations_v1"
            )
        }
        messages: dict[str, list[Any]] = {}
        for workspace, name, sequence, pinned, message in connection.execute(
            "SELECT workspace, conversation, sequence, is_pinned, message"
            " FROM readmodels.messages_v1 ORDER BY workspace, conversation, sequence"
        ):
            messages.setdefault(f"{workspace}:{name}", []).append(
                (sequence, pinned, bytes(message))
            )
    return conversations, messages


def expected(histories: list[History]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The same from folding the histories, without any read model."""
    conversations: dict[str, Any] = {}
    messages: dict[str, list[Any]] = {}
    for history in histories:
        state: ConversationState | None = history.state
        if state is None:
            continue
        name = history.stream.partition(":")[2]
        shown = resources.encode(resources.conversation(name, state))
        conversations[history.stream] = msgspec.json.decode(shown)
        standing = [
            (m.sequence, m.sequence in state.pinned, resources.message_json(name, m))
            for m in history.messages.values()
            if m.sequence not in state.retracted
        ]
        if standing:
            messages[history.stream] = standing
    return conversations, messages


def lag_of(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return {name: behind.events for name, behind in lag(connection).items()}
