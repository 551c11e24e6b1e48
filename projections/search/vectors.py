"""Lexemes as PostgreSQL holds them."""

import hashlib
from base64 import urlsafe_b64encode
from functools import lru_cache

MARK = 4
"""Characters of a workspace's mark."""


@lru_cache(10_000)
def mark_of(workspace: str) -> str:
    """What stands in front of all lexemes of a workspace.

    It keeps the work of one workspace off the others'. It need not be unique: rows are asked for by their workspace too.
    """
    digest = hashlib.blake2b(workspace.encode(), digest_size=MARK * 3 // 4).digest()
    return urlsafe_b64encode(digest).decode()


def vector(workspace: str, lexemes: dict[str, str]) -> str:
    """As a `tsvector` is written. Lexemes hold neither quotes nor backslashes."""
    mark = mark_of(workspace)
    return " ".join([f"'{mark}{lexeme}':{places}" for lexeme, places in lexemes.items()])


def unmarked(word: str) -> str:
    """The lexeme of a word in a vector."""
    return word[MARK:]
