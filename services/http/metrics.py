"""What monitoring reads, in Prometheus' format: the figures of health, and what this process has counted."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from eventstore.errors import EventStoreError
from services.http.endpoint import Answer
from services.http.figures import Figures
from services.http.health import Check
from services.http.pages import Page

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Figures(Collector):
    """One scrape's figures, by part."""

    def __init__(self, parts: dict[str, dict[str, Any] | None]) -> None:
        self._parts = parts

    @override
    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("verbatim_up", "Whether a part can serve.", labels=["part"])
        for name, figures in self._parts.items():
            up.add_metric([name], 0 if figures is None else 1)
        yield up
        found = {key: value for part in self._parts.values() for key, value in (part or {}).items()}
        if "position" in found:
            yield _gauge("verbatim_log_position", "The log's last position.", found["position"])
            yield _gauge("verbatim_append_queue", "Appends that wait.", found["queued"])
        yield from _read_models(found.get("read_models", {}))
        yield from _streams(found.get("streams", {}))
        pool = GaugeMetricFamily(
            "verbatim_database_connections",
            "Database connections for reading: their number, those at work, statements that wait.",
            labels=["part", "state"],
        )
        for name, part in self._parts.items():
            for state, number in (part or {}).get("connections", {}).items():
                pool.add_metric([name, state], number)
        yield pool


def _read_models(found: dict[str, dict[str, Any]]) -> Iterable[Metric]:
    label = ["read_model"]
    texts = {
        "lag": ("lag_events", "Events that a read model has not taken in yet."),
        "lag_seconds": (
            "lag_seconds",
            "Age of the oldest event that a read model has not taken in yet.",
        ),
        "parked": ("parked_conversations", "Conversations that a read model could not take in."),
    }
    for key, (name, text) in texts.items():
        yield _labelled(f"verbatim_projection_{name}", text, label, found, key)


def _streams(found: dict[str, dict[str, Any]]) -> Iterable[Metric]:
    label = ["stream"]
    texts = {
        "lag": ("lag_events", "Events that are not in the JetStream stream yet."),
        "lag_seconds": (
            "lag_seconds",
            "Age of the oldest event that is not in the JetStream stream yet.",
        ),
    }
    for key, (name, text) in texts.items():
        yield _labelled(f"verbatim_relay_{name}", text, label, found, key)


def _labelled(
    name: str, text: str, labels: list[str], found: dict[str, dict[str, Any]], key: str
) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=labels)
    for one, figures in found.items():
        metric.add_metric([one], figures[key])
    return metric


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def metrics_page(checks: dict[str, Check], figures: Figures) -> Page:
    async def metrics(path: dict[str, Any]) -> Answer:
        del path
        parts: dict[str, dict[str, Any] | None] = {}
        for name, check in checks.items():
            try:
                parts[name] = await check()
            except EventStoreError:
                parts[name] = None
        registry = CollectorRegistry()
        registry.register(_Figures(parts))
        body = generate_latest(figures.registry) + generate_latest(registry)
        return Answer(body, media_type=MEDIA_TYPE.encode())

    return Page("/metrics", metrics, "Figures for monitoring", MEDIA_TYPE)
