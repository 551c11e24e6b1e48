"""Wires `verbatim compaction run`."""

from services.compaction.doing import doing
from services.compaction.jobs import Patience
from services.compaction.worker import Worker
from services.ending import stop_on_signals
from services.follower_figures import WorkerFigures
from services.metrics_port import metrics_port
from services.production import check_database
from services.settings import Settings


async def run_compaction(settings: Settings) -> None:
    """Compact what has passed its trigger until SIGTERM or SIGINT."""
    check_database(settings)
    async with doing(settings) as parts:
        worker = Worker(
            settings.nats_url,
            parts.compact,
            at_once=settings.compaction_at_once,
            patience=Patience(settings.compaction_attempts, settings.compaction_retry_seconds),
            replicas=settings.stream_replicas,
        )
        with metrics_port(settings, [WorkerFigures(worker), parts.figures]):
            await worker.run(stop_on_signals())
