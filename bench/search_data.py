"""Conversations for the search benchmark, made up: words by Zipf's law, subjects, order numbers, 20 workspaces of very different size."""

import bisect
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from domain.envelope import Meta, Recorded
from domain.events import ConversationStarted, Event, MessageAppended
from domain.policy import CompactionPolicy

WORKSPACES = 20
LONGEST = 60
"""Messages of a conversation; twenty on average."""
START = datetime(2025, 1, 1, tzinfo=UTC)


class Language:
    """A made-up one: 60,000 words, as common as the words of real ones."""

    def __init__(self, chance: random.Random, size: int = 60_000) -> None:
        onsets = [
            "b",
            "c",
            "d",
            "f",
            "g",
            "h",
            "j",
            "k",
            "l",
            "m",
            "n",
            "p",
            "r",
            "s",
            "t",
            "v",
            "w",
            "br",
            "ch",
            "cl",
            "cr",
            "dr",
            "fl",
            "gr",
            "pl",
            "pr",
            "sh",
            "sl",
            "st",
            "th",
            "tr",
        ]
        vowels = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "io", "ou"]
        codas = ["", "", "l", "m", "n", "r", "s", "t", "nd", "nt", "rk", "st"]
        words: dict[str, None] = {}
        while len(words) < size:
            syllables = chance.choice((1, 2, 2, 3, 3, 4))
            words[
                "".join(chance.choice(p) for _ in range(syllables) for p in (onsets, vowels, codas))
            ] = None
        self.words = list(words)
        weights = (1 / (rank + 20) for rank in range(1, size + 1))
        self.cumulative = list(itertools.accumulate(weights))

    def text(self, chance: random.Random, count: int, subject: list[str]) -> list[str]:
        said = chance.choices(self.words, cum_weights=self.cumulative, k=count)
        for place in range(0, count, 5):
            if subject and chance.random() < 0.7:
                said[place] = chance.choice(subject)
        return said

    def word_of_rank(self, share: float) -> str:
        """The word with this share of all that is said below it: 0 the commonest."""
        return self.words[bisect.bisect(self.cumulative, share * self.cumulative[-1])]


def sizes(messages: int) -> list[int]:
    """Messages of each workspace: the largest holds almost half, the smallest half a percent."""
    weights = [1 / (rank + 1) ** 1.5 for rank in range(WORKSPACES)]
    return [max(40, round(messages * weight / sum(weights))) for weight in weights]


def workspace_name(number: int) -> str:
    return f"tenant-{number:02d}"


def events(language: Language, messages: int, seed: int = 1) -> Iterator[Recorded]:
    """A log of about so many messages: conversations of all workspaces, thirty under way at a time."""
    chance = random.Random(seed)
    left = sizes(messages)
    position = 0
    number = 0
    moment = START
    running: list[Iterator[tuple[str, int, Event]]] = []
    step = timedelta(seconds=400 * 86_400 / messages)
    while any(left) or running:
        while len(running) < 30 and any(left):
            place = chance.choices(range(WORKSPACES), weights=left)[0]
            length = min(
                left[place], chance.randint(4, LONGEST - 24) if chance.random() < 0.97 else LONGEST
            )
            left[place] -= length
            running.append(
                _conversation(
                    language, chance, place=place, number=number, length=length, moment=moment
                )
            )
            number += 1
        chosen = chance.randrange(len(running))
        following = next(running[chosen], None)
        if following is None:
            running.pop(chosen)
            continue
        position += 1
        moment += step
        stream, version, event = following
        yield Recorded(
            stream, version, position, Meta(f"e{position}", moment, f"c{position}", "key"), event
        )


def _conversation(
    language: Language,
    chance: random.Random,
    *,
    place: int,
    number: int,
    length: int,
    moment: datetime,
) -> Iterator[tuple[str, int, Event]]:
    stream = f"{workspace_name(place)}:conv_{number:08x}"
    subject = language.text(chance, 12, [])
    order = f"ORD-{chance.randrange(10**6):06d}"
    title = " ".join(chance.sample(subject, 3)) if chance.random() < 0.7 else None
    user, team = (
        f"user-{chance.randrange(length * 50)}",
        chance.choice(("red", "green", "blue", "gold")),
    )
    started = ConversationStarted(
        "api", CompactionPolicy(), moment, f"assistant-{number % 7}", user, title, {"team": team}
    )
    yield stream, 1, started
    for sequence in range(1, length + 1):
        role = "user" if sequence % 2 else "assistant"
        count = chance.randint(3, 24) if role == "user" else chance.randint(8, 90)
        said = language.text(chance, count, subject)
        if chance.random() < 0.12:
            said[chance.randrange(count)] = order
        text = " ".join(said)
        tokens = count + count // 3
        yield (
            stream,
            sequence + 1,
            MessageAppended(
                message_id=f"msg_{number:08x}{sequence:04x}",
                sequence=sequence,
                role=role,
                content=msgspec.Raw(msgspec.json.encode(text)),
                input_tokens=tokens if role == "user" else 0,
                output_tokens=0 if role == "user" else tokens,
                token_count=tokens,
                tokenizer="o200k_base",
                created_at=moment + timedelta(minutes=sequence),
                context_tokens=tokens * sequence,
                trigger_tokens=16_000,
            ),
        )
