"""What no overload excuses."""

from collections.abc import Iterator

import httpx
import psycopg

from tests.overload.flood import CONVERSATIONS, UNKNOWN, Load


def prepare(
    address: str, key: str, conversations: int = CONVERSATIONS, group: str = "load"
) -> None:
    """Make the conversations that are written to."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False) as client:
        for number in range(conversations):
            answer = client.post("/v1/conversations", json={"id": f"{group}_{number}"})
            assert answer.status_code in (201, 409), answer.text


def wrong_answers(load: Load) -> list[str]:
    """Other answers than: accepted, or refused with the time to come again."""
    return [
        f"{count} × {status}"
        for status, count in load.found.items()
        if status not in (201, 429, 503, UNKNOWN)
    ]


def lost(dsn: str, loads: list[Load], messages: int) -> Iterator[str]:
    """Accepted requests that the log does not hold whole and once, refused ones that it does, others that it holds in part."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT convert_from(state, 'UTF8')::jsonb ->> 'req', count(*) FROM events GROUP BY 1"
        )
        held: dict[str, int] = dict(rows.fetchall())
    for load in loads:
        for run, statuses in zip(load.runs, load.statuses, strict=True):
            for number, status in enumerate(statuses):
                found = held.get(f"{run}-{number}", 0)
                allowed = {201: (messages,), 429: (0,), 503: (0,)}.get(status, (0, messages))
                if found not in allowed:
                    yield f"{run}-{number}: {status}, and {found} of its messages are in the log"
