"""What monitoring reads of a relay and of a compaction worker, in Prometheus' format."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from projections.relay.relay import Relay
from services.compaction.worker import Worker


class RelayFigures(Collector):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    @override
    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "verbatim_relay_position",
            "The last position that is known to be in the stream; 0 on standby.",
            value=self._relay.position,
        )
        yield CounterMetricFamily(
            "verbatim_relay_failures",
            "How often the relay had to begin again: NATS or the database gone, an event refused.",
            value=self._relay.failures,
        )


class WorkerFigures(Collector):
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @override
    def collect(self) -> Iterable[Metric]:
        counts = self._worker.counts
        jobs = CounterMetricFamily(
            "verbatim_compaction_jobs",
            "Conversations looked at, by what came of it.",
            labels=["outcome"],
        )
        for outcome, count in counts.outcomes.items():
            jobs.add_metric([outcome], count)
        yield jobs
        yield GaugeMetricFamily(
            "verbatim_compaction_pending",
            "Messages that wait to be handed to a worker, as the last one told.",
            value=sum(counts.waiting.values()),
        )
        yield GaugeMetricFamily(
            "verbatim_compaction_lag_seconds",
            "How old the last message was when it was handed to this worker.",
            value=counts.lag_seconds,
        )
        yield CounterMetricFamily(
            "verbatim_compaction_subscriptions",
            "How often the worker has subscribed: more than once, it had to renew.",
            value=counts.subscriptions,
        )
