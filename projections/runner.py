"""Keeps a group of read models up to date: follows the log, page by page, one runner at a time."""

import logging
import threading

import psycopg

from eventstore.connect import Connection
from eventstore.follower import POLL, Follower
from projections.ahead import one_ahead
from projections.intake import Intake
from projections.leading import lead
from projections.read_model import ReadModel
from projections.registry import Group
from projections.retry import resume

log = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0
FAR = 4
"""Pages behind at which catching up is worth a connection and a thread of its own."""


class Runner:
    """Follows the log until `stop` is set. `page` counts events."""

    def __init__(self, dsn: str, group: Group, *, page: int, stop: threading.Event) -> None:
        self._dsn = dsn
        self._group = group
        self._intakes: list[Intake] = []
        """One, but while a read model is behind the others of its group. The furthest comes first."""
        self._page = page
        self._stop = stop

    def run(self) -> None:
        """Survives a lost database: tries again with growing pauses."""
        pause = 0.1
        while not self._stop.is_set():
            try:
                self._follow()
                pause = 0.1
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning(
                    "projections of %s wait for the database: %s",
                    self._group.name,
                    str(error).strip(),
                )
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _follow(self) -> None:
        follower = Follower(self._dsn, page=self._page)
        try:
            if not self._lead(follower.connection):
                return
            self.prepare(follower)
            resume(follower.connection, self._group)
            log.info(
                "projections of %s go on after position %d",
                self._group.name,
                self._intakes[0].position,
            )
            while not self._stop.is_set():
                if not self.step(follower):
                    follower.wait(POLL)
        finally:
            follower.close()

    def prepare(self, follower: Follower) -> None:
        """Make missing tables and find where to go on."""
        alone = [Intake([model]) for model in self._group.models()]
        for intake in alone:
            intake.prepare(follower.connection)
        by_position: dict[int, list[ReadModel]] = {}
        for intake in alone:
            by_position.setdefault(intake.position, []).extend(intake.models)
        self._intakes = [Intake(models) for _, models in sorted(by_position.items(), reverse=True)]
        for intake in self._intakes:
            intake.prepare(follower.connection)

    def step(self, follower: Follower) -> bool:
        """Take in the next page; False where there is none.

        A read model that is new to a log catches up page by page, in turn with the others, until it is where they are.
        """
        first, *behind = self._intakes
        moved = self._take(follower, first)
        if moved == self._page and not behind:
            self._catch_up(follower, first)
        for intake in behind:
            moved += self._take(follower, intake, first.position)
        if any(intake.position == first.position for intake in behind):
            self.prepare(follower)
        return moved > 0

    def _take(self, follower: Follower, intake: Intake, upto: int | None = None) -> int:
        rows = follower.read(intake.position, upto)
        if rows:
            intake.take(follower.connection, intake.page(rows))
        return len(rows)

    def _catch_up(self, follower: Follower, intake: Intake) -> None:
        """From afar to the head of now, unless asked to stop: each page is read and worked out while the one before is written."""
        if follower.head() - intake.position < FAR * self._page:
            return
        log_of_its_own = Follower(self._dsn, page=self._page)
        try:
            replayed = map(intake.page_ahead, log_of_its_own.replay(intake.position))
            with one_ahead(replayed) as pages:
                for page in pages:
                    if not intake.take(follower.connection, page) or self._stop.is_set():
                        return
        finally:
            log_of_its_own.close()

    def _lead(self, connection: Connection) -> bool:
        """Wait to be the one that applies; False when asked to stop first."""
        told = False
        while not self._stop.is_set():
            if lead(connection, self._group.lock):
                return True
            if not told:
                log.info("another projector of %s is at work; standing by", self._group.name)
                told = True
            self._stop.wait(0.5)
        return False
