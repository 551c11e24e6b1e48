"""Which service answers for a model, and what its answer costs."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from services.http.errors import bad_request, to_be_mended
from services.settings import Settings
from services.settings_models import ANY, ModelSettings

MILLION = Decimal(1_000_000)
SMALLEST = Decimal("1e-12")


class Usage(msgspec.Struct, frozen=True):
    """What an answer used, in tokens; `cached` is a part of `prompt`."""

    prompt: int
    completion: int
    cached: int = 0


class Target(msgspec.Struct, frozen=True):
    """Where a request goes."""

    url: str
    api_key: str
    model: str
    """Its name there."""
    settings: ModelSettings

    def cost(self, usage: Usage) -> Decimal | None:
        """In cents; None where a price is not set."""
        prices = self.settings
        if prices.input_cents is None or prices.output_cents is None:
            return None
        cached_cents = prices.cached_input_cents
        cached_cents = prices.input_cents if cached_cents is None else cached_cents
        cents = (
            (usage.prompt - usage.cached) * prices.input_cents
            + usage.cached * cached_cents
            + usage.completion * prices.output_cents
        )
        return (cents / MILLION).quantize(SMALLEST)


class Models:
    """The models of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._models: Mapping[str, ModelSettings] = settings.models or {ANY: ModelSettings()}
        self._services = {
            name: (upstream.base_url, upstream.api_key)
            for name, upstream in settings.upstreams.items()
        }
        if settings.upstream_base_url:
            self._services[""] = (settings.upstream_base_url, settings.upstream_api_key)

    def target(self, model: str) -> Target:
        """Raises ApiError: 503 where no service is set, 400 for a model that is not served."""
        if not self._services:
            raise to_be_mended(
                "no service of models is set; set VERBATIM_UPSTREAM_BASE_URL (with /v1), or"
                " `upstreams` and `models` in the settings file",
                "no_upstream",
            )
        found = self._models.get(model) or self._models.get(ANY)
        if found is None:
            known = ", ".join(sorted(self._models))
            raise bad_request(
                f"this model is not served here; known are: {known}", "unknown_model", "model"
            )
        if found.upstream not in self._services:
            raise to_be_mended(
                "this model has no service; set VERBATIM_UPSTREAM_BASE_URL (with /v1), or its"
                " `upstream` in `models`",
                "no_upstream",
            )
        url, api_key = self._services[found.upstream]
        return Target(f"{url.rstrip('/')}/chat/completions", api_key, found.sends or model, found)
