"""Counts tokens with tiktoken, its vocabularies from this installation: never a download."""

import os
from pathlib import Path

import tiktoken
import tiktoken_ext.openai_public as published  # pyright: ignore[reportMissingTypeStubs]

from deploy import vocabularies

PIECE = 50_000
"""Characters encoded at a time: a run of about a million spaces makes tiktoken 0.14 panic."""


class Tokenizer:
    """Loading takes about half a second; counting is safe from several threads."""

    def __init__(self, name: str = "o200k_base", folder: Path | None = None) -> None:
        """Raises deploy.vocabularies.VocabularyError where the vocabulary is missing or damaged."""
        self.name = name
        where = vocabularies.check(name, folder).parent
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(where)
        try:
            self._encoding = tiktoken.Encoding(**getattr(published, name)())
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before

    def count(self, text: str) -> int:
        """Special tokens in the text count as the plain text they are."""
        encode = self._encoding.encode_ordinary
        if len(text) <= PIECE:
            return len(encode(text))
        return sum(len(encode(piece)) for piece in pieces(text))


def pieces(text: str) -> list[str]:
    """The text in pieces of at most PIECE characters, cut before a space where there is one."""
    cut: list[str] = []
    start = 0
    while len(text) - start > PIECE:
        end = text.rfind(" ", start + 1, start + PIECE)
        end = start + PIECE if end < 0 else end
        cut.append(text[start:end])
        start = end
    cut.append(text[start:])
    return cut
