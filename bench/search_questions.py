"""Queries whose answer is known, made from real conversations."""

import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec

from projections.search.texts import text_of

Place = tuple[str, int]
"""A conversation and a sequence."""

_WORD = re.compile(r"[A-Za-z]{4,}")
_RUN = re.compile(r"[A-Za-z']+")
_IDENTIFIER = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{5,40}\b")
_ASKING = ("what", "when did", "which", "how does", "why was", "where is")


class Question(msgspec.Struct):
    q: str
    right: set[Place]
    """The message it was made from, and those that hold all of the same words."""


class Collection(msgspec.Struct):
    """Texts of messages, in order."""

    texts: dict[Place, str]
    messages: dict[Place, Any]


def load(folder: Path) -> Collection:
    """One trial of each task: the others are the same conversation once more."""
    texts: dict[Place, str] = {}
    messages: dict[Place, Any] = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                held = json.loads(line)
                if re.fullmatch(r".*-[1-3]", held["id"]) and held["id"].startswith("tau"):
                    continue
                for sequence, message in enumerate(held["messages"], 1):
                    place = (held["id"], sequence)
                    texts[place] = text_of(message.get("content"), message.get("tool_calls"))
                    messages[place] = message
    return Collection(texts, messages)


class Maker:
    """Makes queries of each kind from messages of people and models that are not too short."""

    def __init__(self, held: Collection, seed: int) -> None:
        self._chance = random.Random(seed)
        self._texts = held.texts
        self._words = {place: _WORD.findall(text.lower()) for place, text in held.texts.items()}
        self._common = Counter(word for found in self._words.values() for word in set(found))
        self._rare = len(held.texts) * 0.04
        self._said = [
            place
            for place, words in self._words.items()
            if held.messages[place]["role"] in ("user", "assistant") and len(words) >= 8
        ]

    def questions(self, count: int) -> dict[str, list[Question]]:
        """By kind."""
        made = {"identifier": self._identifiers(count)}
        for kind, make in (
            ("rare phrase", self._phrase),
            ("keywords", self._keywords),
            ("question", self._question),
        ):
            made[kind] = []
            while len(made[kind]) < count:
                question = make(self._chance.choice(self._said))
                made[kind] += [question] if question is not None else []
        return made

    def _identifiers(self, count: int) -> list[Question]:
        places: dict[str, set[Place]] = defaultdict(set)
        for place, text in self._texts.items():
            for name in _IDENTIFIER.findall(text):
                places[name].add(place)
        known = sorted(name for name, at in places.items() if len(at) <= 5)
        chosen = self._chance.sample(known, min(count, len(known)))
        return [Question(name, places[name]) for name in chosen]

    def _phrase(self, place: Place) -> Question | None:
        """Four words in a row that stand so in no other message; no quotes around them."""
        run = _RUN.findall(self._texts[place])
        at = self._chance.randrange(len(run) - 4)
        phrase = " ".join(run[at : at + 4])
        right = {
            other
            for other, text in self._texts.items()
            if phrase.lower() in " ".join(_RUN.findall(text)).lower()
        }
        return Question(phrase, right) if len(right) == 1 else None

    def _keywords(self, place: Place) -> Question | None:
        chosen = self._pick(place, self._chance.randint(2, 4))
        asked = [_inflected(word) for word in chosen]
        self._chance.shuffle(asked)
        return Question(" ".join(asked), self._holding(set(chosen))) if chosen else None

    def _question(self, place: Place) -> Question | None:
        """Words of the message, some of them usual ones, and one of the message before."""
        chosen = self._pick(place, self._chance.randint(2, 3))
        usual = [word for word in self._words[place] if self._rare < self._common[word]]
        asked = [_inflected(word) for word in chosen]
        asked += self._pick((place[0], place[1] - 1), 1)
        asked += self._chance.sample(usual, min(2, len(usual)))
        self._chance.shuffle(asked)
        q = f"{self._chance.choice(_ASKING)} the {' '.join(asked)}?"
        return Question(q, self._holding(set(chosen))) if chosen else None

    def _holding(self, wanted: set[str]) -> set[Place]:
        return {place for place, found in self._words.items() if wanted <= set(found)}

    def _pick(self, place: Place, number: int) -> list[str]:
        """Some of the rare words of a message; none where it has too few."""
        telling = sorted({w for w in self._words.get(place, ()) if self._common[w] <= self._rare})
        return self._chance.sample(telling, number) if len(telling) >= number else []


def _inflected(word: str) -> str:
    """Another form of it, as somebody who remembers may put it."""
    if word.endswith("ing") and len(word) > 6:
        return word[:-3]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return f"{word}s" if not word.endswith(("y", "ed", "ss", "sh", "ch", "x")) else word
