"""Which tokenizer counts for which model, and what the engine of contexts needs of each; loaded once, when first needed."""

import threading
from collections.abc import Callable
from functools import cache
from typing import cast

import Stemmer
import tiktoken

from domain.compaction.tools import Tools
from services.http.tokenizer import Tokenizer

KNOWN = ("o200k_base", "cl100k_base")
STEMS = "english"


class Tokenizers:
    """Cheap to make. `default` counts for models that nobody knows."""

    def __init__(self, default: str) -> None:
        self.default = default
        self._made: dict[str, tuple[Tokenizer, Tools]] = {}
        self._making = threading.Lock()

    def name_for(self, model: str | None) -> tuple[str, bool]:
        """The tokenizer's name, and whether it is the model's own; for another vendor's, counts are estimates."""
        if model is None:
            return self.default, True
        try:
            name = tiktoken.encoding_name_for_model(model)
        except KeyError:
            return self.default, False
        return (name, True) if name in KNOWN else (self.default, False)

    def tools(self, name: str | None = None) -> Tools:
        """Loading takes about half a second, once a name: call it in a thread where others wait.

        Raises deploy.vocabularies.VocabularyError.
        """
        return self._of(name or self.default)[1]

    def tokenizer(self, name: str | None = None) -> Tokenizer:
        """As `tools`."""
        return self._of(name or self.default)[0]

    def has(self, name: str) -> bool:
        """Whether `tools` answers at once."""
        return name in self._made

    def _of(self, name: str) -> tuple[Tokenizer, Tools]:
        with self._making:
            if name not in self._made:
                tokenizer = Tokenizer(name)
                self._made[name] = (tokenizer, _tools(tokenizer))
            return self._made[name]


def _tools(tokenizer: Tokenizer) -> Tools:
    return Tools(tokenizer.name, tokenizer.count, tokenizer.encode, _stem())


@cache
def _stem() -> Callable[[list[str]], list[str]]:
    stemmer = Stemmer.Stemmer(STEMS)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - has no types
    return cast("Callable[[list[str]], list[str]]", stemmer.stemWords)  # pyright: ignore[reportUnknownMemberType]
