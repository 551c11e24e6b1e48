"""The eventsourcing library's own suites, on our recorders and tables.

What is overridden, and why: docs/decisions/0005-library-recorder.md.
"""

from collections.abc import Iterator
from typing import ClassVar
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    TrackingRecorderTestCase,
)

from eventstore.recorder import (
    VerbatimAggregateRecorder,
    VerbatimApplicationRecorder,
    VerbatimTrackingRecorder,
    datastore,
)
from tests.servers import Database


class OnOurTables:
    """Streams have text ids here."""

    store: ClassVar[PostgresDatastore]

    @pytest.fixture(autouse=True)
    def _store(self, database: Database) -> Iterator[None]:
        with datastore(database.service, pool_size=1, max_overflow=20) as store:
            type(self).store = store
            yield

    def new_originator_id(self) -> str:
        return f"suite:{uuid4()}"


class TestAggregateRecorder(OnOurTables, AggregateRecorderTestCase):
    def create_recorder(self) -> VerbatimAggregateRecorder:
        return VerbatimAggregateRecorder(self.store)


class TestApplicationRecorder(OnOurTables, ApplicationRecorderTestCase):
    def create_recorder(self) -> VerbatimApplicationRecorder:
        return VerbatimApplicationRecorder(self.store)


class TestNonInterleaving(OnOurTables, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> VerbatimApplicationRecorder:
        return VerbatimApplicationRecorder(self.store)


class TestTrackingRecorder(OnOurTables, TrackingRecorderTestCase):
    def create_recorder(self) -> VerbatimTrackingRecorder:
        return VerbatimTrackingRecorder(self.store)


del (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    TrackingRecorderTestCase,
)


def test_the_stock_recorder_fails_loudly_on_our_table(database: Database) -> None:
    """It knows no head row: had the position a default, it would write events that no follower sees in order."""
    with datastore(database.superuser) as store:
        stock = PostgresApplicationRecorder(store, events_table_name="events")
        event = StoredEvent("w:c", 1, "MessageAppended.1", b"{}")
        with pytest.raises(Exception, match=r"stored_event_text|notification_id|position"):
            stock.insert_events([event])
        ours = VerbatimApplicationRecorder(store)
        assert ours.select_notifications(None, 10) == []
