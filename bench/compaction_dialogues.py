"""Long personal talks of our own, over many days, with questions whose evidence is marked: `bench/dialogues/*.jsonl`.

Each file holds a head, its messages, and questions with their answers and the ids of the messages that hold the evidence.
Files of an even number are for tuning, those of an odd one only to report. Words are stemmed as English ones throughout.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.compaction_cases import Case, Half, entry_of_message, half_of
from bench.compaction_evidence import Evidence, stems
from domain.compaction.entries import groups_of
from domain.compaction.strategies import least_tokens
from domain.compaction.tools import Tools
from domain.tokens import LIST_TOKENS

FOLDER = Path(__file__).parent / "dialogues"
ROLES = ("user", "assistant")


class Message(msgspec.Struct, frozen=True):
    id: str
    by: int
    """Which of the two people."""
    text: str


class Question(msgspec.Struct, frozen=True):
    question: str
    answer: str
    evidence: list[str]
    """Ids of messages."""


class Dialogue(msgspec.Struct, frozen=True):
    name: str
    language: str
    messages: list[Message]
    questions: list[Question]


def talks(tools: Tools, half: Half) -> Iterator[Case]:
    """Each dialogue twice, either of the two as the user; then those in English one after the other, likewise."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.jsonl")) if half_of(path.stem) == half]
    for user in range(len(ROLES)):
        for each in found:
            yield _case(each.name, [each], user, tools)
        yield _case("in one", [d for d in found if d.language == "en"], user, tools)


def long_talks(tools: Tools) -> Iterator[Case]:
    """All dialogues, of both halves, one after the other: as long as talks over months are. Likewise."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.jsonl"))]
    for user in range(len(ROLES)):
        yield _case("all in one", found, user, tools)


def _read(path: Path) -> Dialogue:
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines]
    return Dialogue(
        path.stem,
        msgspec.json.decode(head)["language"],
        [msgspec.convert(row, Message) for row in rows if "id" in row],
        [msgspec.convert(row, Question) for row in rows if "question" in row],
    )


def _case(name: str, parts: list[Dialogue], user: int, tools: Tools) -> Case:
    messages: list[dict[str, Any]] = []
    about: list[Evidence] = []
    for part in parts:
        first = len(messages) + 1
        numbers = {message.id: first + place for place, message in enumerate(part.messages)}
        messages += [
            {"role": ROLES[0 if m.by == user else 1], "content": m.text} for m in part.messages
        ]
        words = {numbers[m.id]: stems(m.text, tools.stem) for m in part.messages}
        for asked in part.questions:
            wanted = stems(f"{asked.question} {asked.answer}", tools.stem)
            held = {numbers[name]: wanted & words[numbers[name]] for name in asked.evidence}
            if any(held.values()):
                about.append(Evidence(held))
    entries = [entry_of_message(number, m, tools) for number, m in enumerate(messages, 1)]
    tokens = LIST_TOKENS + sum(entry.tokens for entry in entries)
    return Case(name, entries, tokens, least_tokens(groups_of(entries)), [], about)
