"""What this process has done since it started: counted by the Prometheus client, told by `/metrics`.

Litestar's own Prometheus middleware sits inside the framework, where the edge's refusals (keys, limits, sizes)
never come; so the edge counts.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from services.http.compaction_figures import CompactionFigures
from services.http.overload import Load

UNROUTED = "none"
"""The route of a request that reached none: a wrong path, key or size."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAITS = (
    *(0.0, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5),
)
_EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Figures:
    """One a process. Its labels are bounded: methods and routes of our own, statuses."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.compactions = CompactionFigures()
        self.registry.register(self.compactions)
        self._requests = Counter(
            "verbatim_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "verbatim_http_request_seconds",
            "Time to answer a request, in seconds.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._events = Histogram(
            "verbatim_append_batch_events",
            "Events in one commit.",
            buckets=_EVENTS,
            registry=self.registry,
        )
        self._flush = Histogram(
            "verbatim_append_flush_seconds",
            "Time of one commit, in seconds.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._waits = Histogram(
            "verbatim_read_wait_seconds",
            "Time that a consistent read waited for its read model, in seconds; 0 where it was fresh.",
            buckets=_WAITS,
            registry=self.registry,
        )
        # The library looks a label's child up under a lock: here each is looked up once.
        self._counts: dict[tuple[str, str, int], Counter] = {}
        self._times: dict[tuple[str, str], Histogram] = {}

    def watch(self, load: Load) -> None:
        """Tell of this load, too."""
        self.registry.register(_LoadFigures(load))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; `route` is an endpoint's path template, or empty."""
        count = self._counts.get((method, route, status))
        if count is None:
            # A method may be any word that a client thinks of.
            shown = method if route else "any"
            count = self._requests.labels(shown, route or UNROUTED, status)
            if route:
                self._counts[method, route, status] = count
        count.inc()
        if not route:
            return
        timed = self._times.get((method, route))
        if timed is None:
            timed = self._times[method, route] = self._seconds.labels(method, route)
        timed.observe(seconds)

    def flushed(self, events: int, seconds: float) -> None:
        """One commit of the writer."""
        self._events.observe(events)
        self._flush.observe(seconds)

    def waited(self, seconds: float) -> None:
        """One consistent read, answered or given up."""
        self._waits.observe(seconds)


class _LoadFigures(Collector):
    """Refusals are counted apart: at the door nothing else is done for them."""

    def __init__(self, load: Load) -> None:
        self._load = load

    @override
    def collect(self) -> Iterable[Metric]:
        load = self._load
        yield GaugeMetricFamily(
            "verbatim_requests_in_work", "Requests begun, not answered.", value=load.in_work
        )
        yield GaugeMetricFamily(
            "verbatim_requests_limit", "Past so many in work none is begun.", value=load.limit
        )
        yield CounterMetricFamily(
            "verbatim_requests_refused",
            "Requests refused, with 503 `overloaded`, before they were begun.",
            value=load.refused,
        )
