"""How well searches find what they should, in real conversations, beside what PostgreSQL and bm25s do as they come."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import bm25s  # pyright: ignore[reportMissingTypeStubs]
import msgspec
import psycopg

from bench.search_client import Client
from bench.search_data import START
from bench.search_questions import Collection, Maker, Place, Question, load
from bench.support import table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from domain.envelope import Meta, Recorded
from domain.events import ConversationStarted, MessageAppended, Role
from domain.policy import CompactionPolicy
from eventstore.connect import connect
from projections.registry import GROUPS
from projections.search.languages import stemmer

Ranked = Callable[[str], Awaitable[list[Place]]]


class Stock:
    """PostgreSQL's own search, its English configuration, a GIN index."""

    def __init__(self, dsn: str, held: Collection) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._connection.execute(
            "CREATE TABLE stock (conversation text, sequence int, text text, words tsvector)"
        )
        with self._connection.cursor().copy(
            "COPY stock (conversation, sequence, text) FROM STDIN"
        ) as copy:
            for (conversation, sequence), text in held.texts.items():
                copy.write_row((conversation, sequence, text.replace("\0", "")))
        self._connection.execute("UPDATE stock SET words = to_tsvector('english', text)")
        self._connection.execute("CREATE INDEX ON stock USING gin (words)")

    async def every_word(self, q: str) -> list[Place]:
        return self._found("websearch_to_tsquery('english', %(q)s)", "ts_rank_cd(words, asked)", q)

    async def any_word(self, q: str) -> list[Place]:
        asked = "replace(plainto_tsquery('english', %(q)s)::text, '&', '|')::tsquery"
        return self._found(asked, "ts_rank(words, asked)", q)

    async def any_word_by_length(self, q: str) -> list[Place]:
        asked = "replace(plainto_tsquery('english', %(q)s)::text, '&', '|')::tsquery"
        return self._found(asked, "ts_rank(words, asked, 1)", q)

    def _found(self, asked: str, rank: str, q: str) -> list[Place]:
        statement = (
            f"SELECT conversation, sequence FROM stock, (SELECT {asked} AS asked) a WHERE words @@ asked"
            f" ORDER BY {rank} DESC, conversation, sequence LIMIT 100"
        )
        return self._connection.execute(statement.encode(), {"q": q}).fetchall()


class Bm25s:
    """The package with its defaults and an English stemmer. It has no types that pyright could use."""

    def __init__(self, held: Collection) -> None:
        self._places = list(held.texts)
        self._package: Any = bm25s
        self._stem = stemmer("english")
        self._index: Any = self._package.BM25()
        self._index.index(self._tokens(list(held.texts.values())), show_progress=False)

    async def found(self, q: str) -> list[Place]:
        numbers, scores = self._index.retrieve(self._tokens([q]), k=100, show_progress=False)
        return [self._places[n] for n, s in zip(numbers[0], scores[0], strict=True) if s > 0]

    def _tokens(self, texts: list[str]) -> Any:
        def stemmed(words: list[str]) -> list[str]:
            return [self._stem(word) for word in words]

        return self._package.tokenize(texts, stopwords="en", stemmer=stemmed, show_progress=False)


def fill(dsn: str, workspace: str, held: Collection) -> None:
    """The read models as their own code makes them."""
    rows: list[Recorded] = []
    versions: Counter[str] = Counter()
    for (conversation, sequence), message in held.messages.items():
        stream = f"{workspace}:{conversation}"
        events: list[Any] = []
        if not versions[conversation]:
            events.append(ConversationStarted("api", CompactionPolicy(), START))
        role: Role = message["role"]
        events.append(
            MessageAppended(
                message_id=f"m{sequence}",
                sequence=sequence,
                role=role,
                content=msgspec.Raw(msgspec.json.encode(message.get("content"))),
                tool_calls=msgspec.Raw(msgspec.json.encode(message.get("tool_calls"))),
                input_tokens=1,
                output_tokens=0,
                token_count=1,
                tokenizer="o200k_base",
                created_at=START,
                context_tokens=1,
                trigger_tokens=1,
            )
        )
        for event in events:
            versions[conversation] += 1
            position = len(rows) + 1
            meta = Meta(f"e{position}", START, f"c{position}", "bench")
            rows.append(Recorded(stream, versions[conversation], position, meta, event))
    with connect(dsn, name="bench") as connection:
        for group in GROUPS:
            for model in group.models():
                model.create(connection)
                model.work_out(rows)(connection)


async def quality(postgres: EmbeddedPostgres, folder: Path, count: int, seed: int = 1) -> None:
    held = load(folder)
    tell(
        f"quality: {len(held.texts):,} messages of {len({p[0] for p in held.texts})} conversations"
    )
    fill(postgres.database_url, "real", held)
    stock, other = Stock(postgres.migrate_database_url, held), Bm25s(held)
    client = Client(postgres.database_url)
    await client.start()

    async def ours(q: str) -> list[Place]:
        found = await client.search("real", q, limit=30)
        return [(one.id, sequence) for one in found for sequence in one.best]

    contestants: dict[str, Ranked] = {
        "`websearch_to_tsquery`, `ts_rank_cd`": stock.every_word,
        "any word, `ts_rank`": stock.any_word,
        "any word, `ts_rank` by length": stock.any_word_by_length,
        "bm25s, stemmed": other.found,
        "ours": ours,
    }
    asked = Maker(held, seed).questions(count)
    rows: list[list[str]] = []
    for name, contestant in contestants.items():
        row = [name]
        for kind in asked:
            tell(f"  {name}: {kind}")
            row.append(_figures([(one, await contestant(one.q)) for one in asked[kind]]))
        rows.append(row)
    await client.stop()
    print(
        f"Recall of the message in the first ten / mean reciprocal rank / right conversation first, in percent; {count} queries a kind.\n"
    )
    table(["", *asked], rows)


def _figures(answers: list[tuple[Question, list[Place]]]) -> str:
    recall = reciprocal = conversation = 0.0
    for question, found in answers:
        ranks = [rank for rank, place in enumerate(found[:10], 1) if place in question.right]
        recall += bool(ranks)
        reciprocal += 1 / ranks[0] if ranks else 0
        conversation += bool(found) and found[0][0] in {place[0] for place in question.right}
    return " / ".join(
        f"{100 * value / len(answers):.0f}" for value in (recall, reciprocal, conversation)
    )
