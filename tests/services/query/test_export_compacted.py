"""Exports of compacted conversations: all messages still, every summary, every event, in each format and read back."""

import json
from typing import Any

import pytest

from tests.services.support import Api


@pytest.fixture(scope="module")
def compacted(api: Api) -> Api:
    """Compacted twice, with a pin that stays and messages after it."""
    texts = [f"part {number}: the crate of lemons weighs {number} stone" for number in range(60)]
    api.start("lemons", *texts, user_id="lem", title="Lemons")
    pinned = api.get("/conversations/lemons/messages?limit=5").json()["data"][4]["id"]
    api.patch(f"/conversations/lemons/messages/{pinned}", {"is_pinned": True})
    for keep in (30, 10):
        asked = {"strategy": "summarization", "keep_recent": keep}
        done = api.post("/conversations/lemons/compact", asked)
        assert done.status_code == 200, done.text
        assert done.json()["data"]["messages_compacted"] > 0
    api.post("/conversations/lemons/messages", {"role": "user", "content": "and limes"})
    return api


def parts(api: Api) -> tuple[list[Any], list[Any], list[Any]]:
    """What the endpoints show."""
    path = "/conversations/lemons"
    return (
        api.get(f"{path}/messages?limit=200").json()["data"],
        api.get(f"{path}/summaries?order=asc").json()["data"],
        api.get(f"{path}/events?limit=200").json()["data"],
    )


def test_json(compacted: Api) -> None:
    messages, summaries, events = parts(compacted)
    assert [one["superseded"] for one in summaries] == [True, False]
    whole = compacted.get("/conversations/lemons/export?include_events=true").json()
    assert whole["data"]["messages"] == messages
    assert whole["data"]["summaries"] == summaries
    assert whole["data"]["events"] == events
    assert sum(one["is_compacted"] for one in messages) >= 40
    assert whole["counts"] == {
        "conversations": 1,
        "messages": 61,
        "summaries": 2,
        "events": len(events),
    }


def test_lines(compacted: Api) -> None:
    messages, summaries, events = parts(compacted)
    answer = compacted.get(
        "/conversations/export/user/lem", params={"format": "jsonl", "include_events": "true"}
    )
    lines = [json.loads(line) for line in answer.content.splitlines()]
    for kind, expected in (("message", messages), ("summary", summaries), ("event", events)):
        assert [line[kind] for line in lines if kind in line] == expected


def test_markdown(compacted: Api) -> None:
    _, summaries, events = parts(compacted)
    text = compacted.get(
        "/conversations/lemons/export", params={"format": "markdown", "include_events": "true"}
    ).text
    for summary in summaries:
        span = f"messages {summary['first_sequence']} to {summary['last_sequence']}"
        assert f"### Summary of {span}\n" in text
        assert summary["content"] in text
    assert text.count(" · compacted\n") >= 40
    assert text.count("\n### Event ") == len(events)
    assert text.rstrip().endswith(f"61 messages, 2 summaries, {len(events)} events.")
