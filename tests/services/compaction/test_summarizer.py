"""A model as summariser, good and bad: no result but the good one makes an event."""

import pytest

from tests.services.compaction.asking import TEXTS, context, conversation, data, talk
from tests.services.compaction.models import Model
from tests.services.compaction.noting import noting
from tests.services.compaction.summarising import KEY, afresh, compactions, served
from tests.services.support import Api, refused

__all__ = ["afresh", "served"]
pytestmark = pytest.mark.usefixtures("api")  # its projections run


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


def test_where_no_sentence_of_it_fits_the_built_in_one_tells(served: Api, model: Model) -> None:
    """Else what the preview promised would not be done, for all that the model was asked."""
    name = "short"
    said = [
        ("user", " ".join(TEXTS[0].format(n=n) for n in range(3))),
        ("assistant", " ".join(TEXTS[1].format(n=n) for n in range(10, 13))),
        ("user", "Thanks"),
    ]
    messages = [{"role": role, "content": text} for role, text in said]
    assert served.post("/conversations", {"id": name, "messages": messages}).status_code == 201
    promised = data(served.post(f"/conversations/{name}/compact/preview"))
    assert promised["tokens_saved"] > 0
    usual, model.text = (
        model.text,
        "They agreed on parcels " + ", ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2),
    )
    done = data(served.post(f"/conversations/{name}/compact"))
    model.text = usual
    assert len(model.asked) == 1
    assert done["tokens_saved"] == promised["tokens_saved"]
    assert done["summary"]["content"] == promised["summary"]["content"]
    assert done["summary"]["summarizer"] == {"name": "extracts", "version": "2", "model": None}


def test_what_it_reads_and_wrote_is_put_together_in_a_thread(
    served: Api, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a conversation that is long enough: other requests do not wait for it."""
    monkeypatch.setattr("services.compaction.compactor.IN_LINE", 0)
    threads: set[str] = set()
    steps = ("engine.split", "engine.least_tokens", "writing.reading", "writing.summary_body")
    for step in steps:
        name = f"{'services' if step.startswith('writing') else 'domain'}.compaction.{step}"
        monkeypatch.setattr(name, noting(name, threads))
    talk(served, "beside")
    data(served.post("/conversations/beside/compact"))
    assert len(model.asked) == 1
    assert threads
    assert "service" not in threads


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
