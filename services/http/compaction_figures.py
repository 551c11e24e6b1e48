"""What compaction saved, by strategy, since the process started: of commands and of the worker."""

from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from domain.policy import Strategy

STRATEGIES: tuple[str, ...] = tuple(name for name in get_args(Strategy) if name != "none")


class CompactionFigures(Collector):
    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(STRATEGIES, 0)
        self._saved: dict[str, int] = dict.fromkeys(STRATEGIES, 0)

    def compacted(self, strategy: str, tokens_saved: int) -> None:
        self._counts[strategy] = self._counts.get(strategy, 0) + 1
        self._saved[strategy] = self._saved.get(strategy, 0) + tokens_saved

    @override
    def collect(self) -> Iterable[Metric]:
        yield _counter("verbatim_compactions", "Compactions done.", self._counts)
        yield _counter(
            "verbatim_compaction_tokens_saved",
            "Tokens that compactions took out of contexts.",
            self._saved,
        )


def _counter(name: str, text: str, numbers: dict[str, int]) -> Metric:
    metric = CounterMetricFamily(name, text, labels=["strategy"])
    for strategy, number in numbers.items():
        metric.add_metric([strategy], number)
    return metric
