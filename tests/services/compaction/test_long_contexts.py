"""Long contexts: what takes long is done beside the event loop, where nobody waits for it."""

import threading

import msgspec
import pytest

from domain.compaction.engine import Live
from domain.compaction.entries import Entry
from domain.policy import CompactionPolicy
from eventstore.reader import Connections, LogReader
from services.compaction.contexts import IN_LINE, Contexts, Reading
from services.http.tokenizers import Tokenizers
from tests.services.compaction.noting import noting
from tests.services.support import Api

POLICY = CompactionPolicy("hybrid", 16_000, 20, None)
TEXT = "a word " * IN_LINE


@pytest.mark.parametrize(
    "asked",
    [
        Reading(format="anthropic"),
        Reading(model="gpt-3.5-turbo"),
    ],
)
async def test_a_long_text_is_counted_in_a_thread(asked: Reading) -> None:
    counting: set[int] = set()
    contexts = Contexts(LogReader(Connections("", name="", size=1)), Tokenizers("o200k_base"))
    tools = await contexts.tools()

    def count(text: str) -> int:
        if text == TEXT:
            counting.add(threading.get_ident())
        return tools.count(text)

    async def watched(name: str | None = None) -> object:
        return msgspec.structs.replace(await Contexts.tools(contexts, name), count=count)

    contexts.tools = watched  # type: ignore[method-assign]
    entry = Entry(1, "m", "user", msgspec.Raw(msgspec.json.encode(TEXT)), 2 * IN_LINE + 4)
    body = await contexts.context("c", 2, POLICY, Live([entry]), asked)
    assert msgspec.json.decode(body)["token_count"] > IN_LINE
    assert counting
    assert threading.get_ident() not in counting


READS = (
    "projections.context.stored_entry",
    "services.compaction.loading.entry_of",
    "services.compaction.contexts.openai_messages",
    "services.compaction.answers.openai_messages",
)
"""What reads a message, or puts all of them together."""


@pytest.mark.parametrize(
    ("method", "path", "reads"),
    [
        ("GET", "context?strategy=none", (0, 2)),
        ("GET", "context?strategy=none&as_of=5", (0, 1, 2)),
        ("GET", "context", (0, 2)),
        ("GET", "compact/preview?strategy=none", (0, 1, 3)),
        ("GET", "compact/preview?strategies=none,hybrid", (0, 1, 3)),
        ("POST", "compact/preview", (0, 1, 3)),
        ("POST", "compact", (1, 3)),
    ],
)
def test_a_long_conversation_is_read_in_a_thread(
    api: Api, monkeypatch: pytest.MonkeyPatch, method: str, path: str, reads: tuple[int, ...]
) -> None:
    """A short one is not: to hand it over would cost more than to read it."""
    monkeypatch.setattr("services.compaction.beside.MESSAGES", 3)
    threads: dict[int, set[str]] = {}
    for number, name in enumerate(READS):
        monkeypatch.setattr(name, noting(name, threads.setdefault(number, set())))
    body = {"preview_only": True} if method == "POST" else None
    name = f"{method}-{path}".translate(str.maketrans("/?=&,", "-----"))
    for length in (2, 6):
        api.start(f"{name}-{length}", *map(str, range(length)))
        for seen in threads.values():
            seen.clear()
        asked = f"/conversations/{name}-{length}/{path.replace('as_of=5', f'as_of={length}')}"
        assert api(method, asked, json=body).status_code == 200
        assert [number for number, seen in threads.items() if seen] == list(reads)
        on_loop = [seen == {"service"} for seen in threads.values() if seen]
        assert on_loop == [length == 2] * len(reads), threads
