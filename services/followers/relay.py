"""Wires `verbatim relay run`."""

from projections.relay.relay import Relay, Wiring
from projections.relay.stream import Bounds
from services.ending import stop_on_signals
from services.follower_figures import RelayFigures
from services.metrics_port import metrics_port
from services.production import check_database
from services.settings import Settings


async def run_relay(settings: Settings) -> None:
    """Keep the JetStream stream filled until SIGTERM or SIGINT."""
    check_database(settings)
    relay = Relay(relay_wiring(settings))
    with metrics_port(settings, [RelayFigures(relay)]):
        await relay.run(stop_on_signals())


def relay_wiring(settings: Settings) -> Wiring:
    return Wiring(
        database_url=settings.database_url,
        nats_url=settings.nats_url,
        bounds=Bounds(
            seconds=settings.stream_max_days * 86_400.0,
            bytes=settings.stream_max_megabytes << 20,
            replicas=settings.stream_replicas,
        ),
        content=settings.publish_content,
    )
