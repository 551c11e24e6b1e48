"""`/metrics` and `/health/ready` of processes that serve nothing else: projections, relay, compaction."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from services.listening import PortTaken
from services.settings import Settings


@contextmanager
def metrics_port(settings: Settings, collectors: Iterable[Collector] = ()) -> Generator[None]:
    """While the process runs, in a thread of its own; any path answers the figures. Raises PortTaken.

    Nothing is served where VERBATIM_METRICS_PORT is 0.
    """
    if not settings.metrics_port:
        yield
        return
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    try:
        server, thread = start_http_server(settings.metrics_port, settings.host, registry)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {settings.host}, port {settings.metrics_port} ({error.strerror});"
            " choose another with VERBATIM_METRICS_PORT"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
