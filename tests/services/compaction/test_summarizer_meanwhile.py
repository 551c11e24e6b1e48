"""While a model writes: what is said, pinned and asked again meanwhile, and a model that takes too long."""

import threading

import httpx
import pytest

from tests.servers import Database
from tests.services.compaction.asking import context, conversation, data, talk
from tests.services.compaction.models import Model
from tests.services.compaction.summarising import afresh, compactions, served, summarised
from tests.services.support import Api, refused

__all__ = ["afresh", "served"]
pytestmark = pytest.mark.usefixtures("api")  # its projections run


def in_background(do) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(do()))
    thread.start()
    return thread, answers


def test_while_it_writes_messages_come_and_stay(served: Api, model: Model) -> None:
    talk(served, "meanwhile")
    model.behaviour = "slowly"
    thread, answers = in_background(lambda: served.post("/conversations/meanwhile/compact"))
    assert model.arrived.wait(60)
    answer = served.post(
        "/conversations/meanwhile/messages",
        {"id": "new", "role": "user", "content": "Still there?"},
    )
    assert answer.status_code == 201, "an append had to wait for a model"
    model.release.set()
    thread.join(60)
    assert data(answers[0])["tokens_saved"] > 0
    shown = context(served, "meanwhile")
    assert "new" in shown["included"]
    assert shown["token_count"] == conversation(served, "meanwhile")["context_tokens"]
    assert len(compactions(served, "meanwhile")) == 1


def test_a_pin_meanwhile_is_thought_of(served: Api, model: Model) -> None:
    talk(served, "pinned_meanwhile")
    model.behaviour = "slowly"
    thread, answers = in_background(lambda: served.post("/conversations/pinned_meanwhile/compact"))
    assert model.arrived.wait(60)
    served.patch("/conversations/pinned_meanwhile/messages/m1", {"is_pinned": True})
    model.behaviour = "well"
    model.release.set()
    thread.join(60)
    data(answers[0])
    assert "m1" in context(served, "pinned_meanwhile")["included"]
    assert len(compactions(served, "pinned_meanwhile")) == 1


def test_a_key_is_reserved_before_the_model_is_called(served: Api, model: Model) -> None:
    talk(served, "leased")
    headers = {"Idempotency-Key": "lease-1"}
    model.behaviour = "slowly"
    thread, answers = in_background(
        lambda: served.post("/conversations/leased/compact", headers=headers)
    )
    assert model.arrived.wait(60)
    second = served.post("/conversations/leased/compact", headers=headers)
    refused(second, 409, "idempotency_key_in_use")
    assert "x-should-retry" not in second.headers
    other = served.post("/conversations/leased/compact", {"target_tokens": 300}, headers=headers)
    refused(other, 422, "idempotency_key_reused")
    model.release.set()
    thread.join(60)
    assert len(model.asked) == 1
    again = served.post("/conversations/leased/compact", headers=headers)
    assert again.json() == answers[0].json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(model.asked) == 1


def test_a_failed_request_leaves_its_key_free(served: Api, model: Model) -> None:
    talk(served, "freed")
    headers = {"Idempotency-Key": "lease-2"}
    model.behaviour = "error"
    refused(served.post("/conversations/freed/compact", headers=headers), 502)
    model.behaviour = "well"
    assert data(served.post("/conversations/freed/compact", headers=headers))["tokens_saved"] > 0


def test_a_model_that_is_too_slow_makes_no_event(
    served: Api, module_database: Database, model: Model
) -> None:
    talk(served, "slow")
    model.behaviour = "slowly"
    before = served.head()
    with summarised(module_database, model, timeout_seconds=0.5) as impatient:
        error = refused(impatient.post("/conversations/slow/compact"), 504)
    assert error["type"] == "upstream_error"
    assert served.head() == before
    assert compactions(served, "slow") == []
    assert len(model.asked) == 2
    model.release.set()
    model.behaviour = "well"
    assert data(served.post("/conversations/slow/compact"))["tokens_saved"] > 0
