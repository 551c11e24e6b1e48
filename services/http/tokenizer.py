"""Counts tokens with tiktoken, its vocabularies from this installation: never a download."""

import os
from functools import cache
from pathlib import Path
from typing import get_args

import tiktoken
import tiktoken_ext.openai_public as published  # pyright: ignore[reportMissingTypeStubs]

from deploy import vocabularies
from domain.events import Role

PIECE = 50_000
"""Characters encoded at a time: a run of about a million spaces makes tiktoken 0.14 panic."""


class Tokenizer:
    """Loading takes about half a second, the first time; counting is safe from several threads."""

    def __init__(self, name: str = "o200k_base", folder: Path | None = None) -> None:
        """Raises deploy.vocabularies.VocabularyError where the vocabulary is missing or damaged."""
        self.name = name
        self._encoding = _encoding(name, folder)
        # Every message has one of a few roles, and a call into the encoder costs more than it counts there.
        encode = self._encoding.encode_ordinary
        self._roles = {role: len(encode(role)) for role in get_args(Role)}

    def count(self, text: str) -> int:
        """Special tokens in the text count as the plain text they are."""
        if text in self._roles:
            return self._roles[text]
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """The ids of its tokens."""
        encode = self._encoding.encode_ordinary
        if len(text) <= PIECE:
            return encode(text)
        return [token for piece in pieces(text) for token in encode(piece)]


@cache
def _encoding(name: str, folder: Path | None) -> tiktoken.Encoding:
    """Loaded once a process, whoever asks; it does not change."""
    where = vocabularies.check(name, folder).parent
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(where)
    try:
        return tiktoken.Encoding(**getattr(published, name)())
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before


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
