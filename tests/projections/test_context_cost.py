"""A context's cost is that of what is live: what the database touches, not how long it takes."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

from domain.compacted import Compacted
from domain.policy import CompactionPolicy
from domain.state import ConversationState
from projections import context
from tests.projections.support import catch_up
from tests.servers import Database

LONG = 60_000
LIVE = 50
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def touched(plan: dict[str, Any]) -> int:
    """Rows of messages that were read, those that a filter threw away included."""
    own = 0
    if plan.get("Relation Name") == "messages_v1":
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = int(rows * plan["Actual Loops"])
    return own + sum(touched(part) for part in plan.get("Plans", ()))


@pytest.mark.parametrize("statistics", [True, False])
def test_what_was_compacted_away_is_not_read(database: Database, statistics: bool) -> None:
    """In a table that one conversation nearly fills."""
    catch_up(database.service)
    upto = LONG - LIVE
    compacted = Compacted(9, upto, (1, 7), {}, upto, "hybrid", 20, None, 9, None, 0, 0, 0)
    state = ConversationState(
        9, "api", CompactionPolicy("hybrid", 16_000, 20, None), NOON, NOON,
        last_sequence=LONG, message_count=LONG, compacted=compacted,
    )  # fmt: skip
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO readmodels.conversations_v1 (workspace, id, version, status, source, metadata, message_count,"
            " created_at, updated_at, active_at, resource, state)"
            " VALUES ('acme', 'long', 9, 'active', 'api', '{}', %s, now(), now(), now(), '{}', %s)",
            (LONG, msgspec.json.encode(state)),
        )
        connection.execute(
            "INSERT INTO readmodels.messages_v1 SELECT 'acme', 'long', n, 'user', false, convert_to(repeat(md5(n::text), 20), 'UTF8')"
            " FROM generate_series(1, %s) n",
            (LONG,),
        )
        if statistics:
            connection.execute("ANALYZE readmodels.messages_v1, readmodels.conversations_v1")
        told = connection.execute(
            b"EXPLAIN (ANALYZE, FORMAT JSON) " + context.statement(),
            context.values("acme", "long"),
        ).fetchone()
    assert told is not None
    (plan,) = told[0]
    assert LIVE <= touched(plan["Plan"]) <= 3 * LIVE
    assert "JIT" not in plan
