"""Settings of models: where each is served, under which name, and what it costs."""

from decimal import Decimal
from typing import Annotated

import msgspec

Cents = Annotated[Decimal, msgspec.Meta(description="cents for a million tokens")]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]

ANY = "*"
"""The entry of all models that have none of their own."""


class UpstreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that speaks OpenAI's chat completions."""

    base_url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]
    api_key: Annotated[str, msgspec.Meta(pattern=r"^[!-~]*$")] = ""


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model as clients ask for it. Costs that are not set are not known, and stored as null."""

    upstream: str = ""
    """A name of `upstreams`; empty: the one of `upstream_base_url`."""
    sends: str = ""
    """Its name upstream; empty: the same."""
    input_cents: Cents | None = None
    cached_input_cents: Cents | None = None
    """Of input that the upstream had in its cache; None: as other input."""
    output_cents: Cents | None = None
    context_tokens: Tokens | None = None
    """How much it takes, answer included; None: not limited here."""
    answer_tokens: Tokens = 4_096
    """Room left for an answer, where the request sets no limit."""


def problem(upstreams: dict[str, UpstreamSettings], models: dict[str, ModelSettings]) -> str | None:
    """What does not fit between the two tables."""
    for name, model in models.items():
        if model.upstream and model.upstream not in upstreams:
            return f"`models.{name}` names the upstream `{model.upstream}`, which is not set"
        for price in (model.input_cents, model.cached_input_cents, model.output_cents):
            if price is not None and not 0 <= price <= 1_000_000_000:
                return f"`models.{name}` has a price below 0 or above 10^9"
    return None
