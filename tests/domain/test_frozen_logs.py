"""Logs written in the past replay to the same conversations for ever."""

import json
from pathlib import Path
from typing import get_args

import pytest

from domain.codec import topic_of
from domain.events import Event
from tests.domain.replay import lines_of, replay

FOLDER = Path(__file__).parent / "frozen"
LOGS = sorted(FOLDER.glob("log-*.jsonl"))


def without_news(actual, expected):
    """The actual value without the fields that came after the expected one was written down."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {key: without_news(actual[key], expected[key]) for key in expected if key in actual}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [without_news(*both) for both in zip(actual, expected, strict=True)]
    return actual


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_it_replays_to_what_it_was(log):
    expected = json.loads(log.with_suffix(".expected.json").read_text(encoding="utf-8"))
    actual = replay(log)
    assert actual.keys() == expected.keys()
    assert without_news(actual, expected) == expected


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_it_is_a_log(log):
    """Positions without gaps, versions without gaps in each stream."""
    lines = lines_of(log)
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    heads: dict[str, int] = {}
    for line in lines:
        heads[line["stream"]] = heads.get(line["stream"], 0) + 1
        assert line["version"] == heads[line["stream"]]


def test_every_topic_of_today_stands_in_some_log():
    written = {line["topic"] for log in LOGS for line in lines_of(log)}
    missing = {topic_of(kind) for kind in get_args(Event)} - written
    assert not missing, f"add a log with {sorted(missing)}: see frozen/README.md"
