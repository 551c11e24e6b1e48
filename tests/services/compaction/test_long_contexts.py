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
