"""A model as summariser, good and bad: no result but the good one makes an event."""

import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.servers import Database
from tests.services.compaction.asking import context, conversation, data, data_list, talk
from tests.services.compaction.models import Model
from tests.services.support import Api, new_key, refused, serving

pytestmark = pytest.mark.usefixtures("api")  # its projections run

KEY = "sk-test-of-the-summarizer"


@pytest.fixture(scope="module")
def served(module_database: Database, model: Model) -> Iterator[Api]:
    settings = {
        "summarizer": "openai",
        "summarizer_base_url": f"{model.address}/v1",
        "summarizer_api_key": KEY,
        "summarizer_model": "small-model",
        "summarizer_timeout_seconds": 1.0,
        "summarizer_retries": 1,
    }
    dsn = module_database.service
    with (
        serving(dsn, **settings) as address,
        closing(Api(address, module_database, new_key(dsn, unlimited=True))) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def afresh(model: Model) -> None:
    model.behaviour = "well"
    model.asked.clear()
    model.headers.clear()
    model.arrived.clear()
    model.release.clear()


def compactions(api: Api, name: str) -> list:
    return [e for e in data_list(api, name) if e["type"] == "verbatim.conversation_compacted.v1"]


def test_its_text_becomes_the_summary(served: Api, model: Model) -> None:
    talk(served, "written")
    body = {"target_tokens": 500, "instructions": "Keep every parcel code."}
    done = data(served.post("/conversations/written/compact", body))
    assert model.text in done["summary"]["content"]
    assert done["summary"]["summarizer"] == {
        "name": "openai",
        "version": "1",
        "model": "small-model",
    }
    shown = context(served, "written")
    assert (
        shown["token_count"]
        == done["tokens_after"]
        == conversation(served, "written")["context_tokens"]
    )
    assert shown["token_count"] <= 500
    [asked] = model.asked
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "small-model"
    frame, text = asked["messages"]
    assert frame["role"] == "system"
    assert "Keep every parcel code." in frame["content"]
    assert "ZX-10-Q" in text["content"]
    assert model.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_each_range_is_told_once_from_the_log(served: Api, model: Model) -> None:
    talk(served, "ranges", 60)
    model.text = "FIRST: parcels were sent."
    data(served.post("/conversations/ranges/compact", {"target_tokens": 800}))
    first = model.asked.copy()
    for n in range(20):
        text = f"More about order {500 + n}, code YY-{500 + n}-B, which is on its way by now."
        served.post(
            "/conversations/ranges/messages",
            {"role": ["assistant", "user"][n % 2], "content": text},
        )
    model.asked.clear()
    model.text = "SECOND: more parcels."
    data(served.post("/conversations/ranges/compact", {"target_tokens": 400}))
    content = next(
        s
        for s in served.get("/conversations/ranges/summaries", params={"order": "desc"}).json()[
            "data"
        ]
    )["content"]
    assert "FIRST: parcels were sent." in content
    assert "SECOND: more parcels." in content
    again = "\n".join(a["messages"][1]["content"] for a in model.asked)
    assert "FIRST" not in again, "a summary was summarised"
    assert "ZX-10-Q" in first[0]["messages"][1]["content"]
    assert "ZX-10-Q" not in again, "a range was told twice"
    model.text = "They agreed on parcel ZX-4711 for Tuesday."


def test_a_failure_that_passes_is_tried_again(served: Api, model: Model) -> None:
    talk(served, "again")
    model.behaviour = "fails once"
    assert (
        data(served.post("/conversations/again/compact"))["summary"]["summarizer"]["name"]
        == "openai"
    )
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("behaviour", "status", "tries"),
    [
        ("error", 502, 2),
        ("refusal", 502, 1),
        ("nothing", 502, 1),
        ("null", 502, 1),
        ("blank body", 502, 1),
        ("no json", 502, 1),
        ("no choices", 502, 1),
        ("error text", 502, 1),
        ("too long", 502, 1),
        ("cut off", 502, 1),
        ("filtered", 502, 1),
        ("redirect", 502, 1),
        ("cut connection", 502, 2),
        ("slowly", 504, 2),
    ],
)
def test_no_other_result_makes_an_event(
    served: Api, model: Model, behaviour: str, status: int, tries: int
) -> None:
    name = behaviour.replace(" ", "_")
    talk(served, name)
    model.behaviour = behaviour
    before = served.head()
    error = refused(served.post(f"/conversations/{name}/compact"), status)
    assert error["type"] == "upstream_error"
    assert "SECRET" not in error["message"]
    assert KEY not in error["message"]
    assert served.head() == before
    assert compactions(served, name) == []
    assert len(model.asked) == tries
    assert all(asked["path"] == "/v1/chat/completions" for asked in model.asked), (
        "a redirect was followed"
    )
    model.release.set()
    model.behaviour = "well"
    assert data(served.post(f"/conversations/{name}/compact"))["tokens_saved"] > 0


def test_a_preview_asks_no_model(served: Api, model: Model) -> None:
    talk(served, "estimate")
    told = data(
        served.post("/conversations/estimate/compact/preview", {"instructions": "anything"})
    )
    assert (told["estimated"], told["preview_only"]) == (True, True)
    assert model.asked == []
    context(served, "estimate", max_tokens=200)
    assert model.asked == []


def in_background(do) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(do()))
    thread.start()
    return thread, answers


def test_while_it_writes_messages_come_and_stay(served: Api, model: Model) -> None:
    talk(served, "meanwhile")
    model.behaviour = "slowly"
    thread, answers = in_background(lambda: served.post("/conversations/meanwhile/compact"))
    assert model.arrived.wait(10)
    answer = served.post(
        "/conversations/meanwhile/messages",
        {"id": "new", "role": "user", "content": "Still there?"},
    )
    assert answer.status_code == 201, "an append had to wait for a model"
    model.release.set()
    thread.join(20)
    assert data(answers[0])["tokens_saved"] > 0
    shown = context(served, "meanwhile")
    assert "new" in shown["included"]
    assert shown["token_count"] == conversation(served, "meanwhile")["context_tokens"]
    assert len(compactions(served, "meanwhile")) == 1


def test_a_pin_meanwhile_is_thought_of(served: Api, model: Model) -> None:
    talk(served, "pinned_meanwhile")
    model.behaviour = "slowly"
    thread, answers = in_background(lambda: served.post("/conversations/pinned_meanwhile/compact"))
    assert model.arrived.wait(10)
    served.patch("/conversations/pinned_meanwhile/messages/m1", {"is_pinned": True})
    model.behaviour = "well"
    model.release.set()
    thread.join(20)
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
    assert model.arrived.wait(10)
    second = served.post("/conversations/leased/compact", headers=headers)
    refused(second, 409, "idempotency_key_in_use")
    assert "x-should-retry" not in second.headers
    other = served.post("/conversations/leased/compact", {"target_tokens": 300}, headers=headers)
    refused(other, 422, "idempotency_key_reused")
    model.release.set()
    thread.join(20)
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


def test_a_pinned_or_retracted_message_leaves_the_text_with_the_next_compaction(
    served: Api, model: Model
) -> None:
    talk(served, "stale")
    data(served.post("/conversations/stale/compact", {"target_tokens": 500}))
    gone = next(
        m for m in served.get("/conversations/stale/messages").json()["data"] if m["is_compacted"]
    )
    served.patch(f"/conversations/stale/messages/{gone['id']}", {"is_pinned": True})
    assert model.text in context(served, "stale")["messages"][-3]["content"] or any(
        model.text in str(m["content"]) for m in context(served, "stale")["messages"]
    )
    for n in range(6):
        served.post(
            "/conversations/stale/messages",
            {
                "role": ["assistant", "user"][n % 2],
                "content": f"More about order {n}, which was sent a while ago already. " * 4,
            },
        )
    model.asked.clear()
    data(served.post("/conversations/stale/compact", {"target_tokens": 400}))
    told = "\n".join(a["messages"][1]["content"] for a in model.asked)
    assert gone["content"] not in told
    other = next(
        m for m in served.get("/conversations/stale/messages").json()["data"] if m["is_compacted"]
    )
    assert other["content"] in told, "the passage was not told anew"


def test_without_an_address_the_start_is_refused(module_database: Database) -> None:
    from services.compaction.wiring import model_of
    from services.settings import Settings, SettingsError

    with pytest.raises(SettingsError, match="VERBATIM_SUMMARIZER_BASE_URL"):
        model_of(Settings(summarizer="openai"))
