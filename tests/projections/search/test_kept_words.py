"""What is kept of words that were taken apart before."""

import pytest

from projections.search import tokens as module
from projections.search.tokens import Tokens
from tests.projections.search.test_tokens import FOUND

TEXTS = [text for text, _ in FOUND]


def test_it_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    afresh = [Tokens().index(text) for text in TEXTS]
    monkeypatch.setattr(module, "_CACHED", 5)
    tokens = Tokens()
    for _ in range(2):
        for text, expected in zip(TEXTS, afresh, strict=True):
            assert tokens.index(text) == expected
            assert sum(map(len, tokens._kept.values())) <= 5


def test_long_words_are_not_kept() -> None:
    tokens = Tokens()
    tokens.index("a short word and " + "l" * 1_000)
    assert list(tokens._kept["en"]) == ["a", "short", "word", "and"]
