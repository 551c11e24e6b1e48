"""Wires `verbatim projections run`."""

import signal
import threading
from types import FrameType

from projections.registry import Group
from projections.runner import Runner
from services.ending import end_within
from services.metrics_port import metrics_port
from services.production import check_database
from services.settings import Settings


def run_projections(settings: Settings, group: Group) -> None:
    """Keep a group of read models up to date until SIGTERM or SIGINT."""
    check_database(settings)
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        del number, frame
        if not stop.is_set():
            end_within()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    with metrics_port(settings):
        Runner(settings.database_url, group, page=settings.page_size, stop=stop).run()
