"""What the engine is given: a tokenizer and a stemmer. Their names are part of what a result depends on."""

from collections.abc import Callable

import msgspec

from domain.tokens import Count

Encode = Callable[[str], list[int]]
"""Token ids of a short text. Ids of byte-pair encodings are ordered by frequency: a rare word has high or many."""

Stem = Callable[[list[str]], list[str]]


class Tools(msgspec.Struct, frozen=True):
    tokenizer: str
    count: Count
    encode: Encode
    stem: Stem
