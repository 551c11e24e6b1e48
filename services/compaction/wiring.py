"""Wires a compactor from settings."""

from typing import TYPE_CHECKING

from eventstore.reader import LogReader
from eventstore.states import States
from services.compaction.compactor import Compactor
from services.compaction.writing import Writer
from services.http.compaction_figures import CompactionFigures
from services.http.minting import Minter
from services.http.tokenizers import Tokenizers
from services.settings import Settings

if TYPE_CHECKING:
    from services.compaction.openai_model import OpenAIModel


def model_of(settings: Settings) -> "OpenAIModel | None":
    """The model that summarises; None where the built-in summariser does. To be closed by whoever asked."""
    if settings.summarizer != "openai":
        return None
    # Only here: its HTTP client would cost every process that never uses it a fifth of its start.
    from services.compaction.openai_model import Endpoint, OpenAIModel  # noqa: PLC0415

    return OpenAIModel(
        Endpoint(
            base_url=settings.summarizer_base_url,
            api_key=settings.summarizer_api_key,
            model=settings.summarizer_model,
            timeout=settings.summarizer_timeout_seconds,
            retries=settings.summarizer_retries,
            chunk_tokens=settings.summarizer_chunk_tokens,
            private=settings.private_models,
        )
    )


def compactor_of(  # noqa: PLR0917 - what it is wired from
    reader: LogReader,
    states: States,
    tokenizers: Tokenizers,
    minter: Minter,
    model: "OpenAIModel | None",
    figures: CompactionFigures,
) -> Compactor:
    return Compactor(
        reader,
        states,
        tokenizers,
        minter,
        figures.compacted,
        Writer(model) if model is not None else None,
    )
