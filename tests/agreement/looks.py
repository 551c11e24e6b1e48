"""What the service shows, compared with the model: AssertionError where they differ."""

from typing import Any

from tests.agreement.model import Conversation, Message
from tests.domain.compaction.showing import check_openai
from tests.services.query.support import everything
from tests.services.support import Api, refused

Json = dict[str, Any]


def look(api: Api, name: str, model: Conversation | None) -> Json | None:
    """Every way to read one conversation; gives its resource."""
    path = f"/conversations/{name}"
    if model is None or model.deleted:
        for more in ("", "/messages", "/context", "/summaries", "/events"):
            refused(api.get(f"{path}{more}"), 404, "conversation_not_found")
        if model is None:
            refused(api.get(f"{path}?include_deleted=true"), 404, "conversation_not_found")
            return None
    answer = api.get(f"{path}?message_limit=3&include_deleted=true")
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{model.version}"'
    shown: Json = answer.json()["data"]
    standing = model.standing()
    assert shown["status"] == model.status
    assert shown["version"] == model.version
    assert shown["message_count"] == len(standing)
    assert shown["metadata"] == model.metadata
    fields = ("title", "user_id", "assistant_id")
    assert {k: shown[k] for k in fields} == {k: model.fields.get(k) for k in fields}
    assert [m["id"] for m in shown["messages"]] == [m.id for m in standing[-3:]]
    assert shown["has_more_messages"] is (len(standing) > 3)
    if not model.deleted:
        _messages(api, path, model)
        _context(api, path, model, shown)
        last = api.get(f"{path}/events?from_version={model.version}").json()["data"]
        assert [event["version"] for event in last] == [str(model.version)], last
    return shown


def _messages(api: Api, path: str, model: Conversation) -> None:
    standing = model.standing()
    shown = everything(api, f"{path}/messages", limit=4)
    assert [told(m) for m in shown] == [m.told() for m in standing]
    sequences = [m["sequence"] for m in shown]
    assert sequences == [m.sequence for m in standing]
    assert [m["is_pinned"] for m in shown] == [m.pinned for m in standing]
    assert [m["is_compacted"] for m in shown] == [model.compacted(n) for n in sequences]
    pinned = everything(api, f"{path}/messages", limit=4, pinned="true", order="desc")
    assert [m["id"] for m in pinned] == [m.id for m in standing if m.pinned][::-1]


def told(shown: Json) -> tuple[Any, ...]:
    calls = [call["id"] for call in shown["tool_calls"] or ()]
    content = shown["content"]
    if "kind" in shown:
        content = content[0]["encrypted_content"]
    return shown["id"], shown["role"], content, calls, shown["tool_call_id"]


def _context(api: Api, path: str, model: Conversation, resource: Json) -> None:
    for query, whole in (("", False), ("?strategy=none", True)):
        shown: Json = api.get(f"{path}/context{query}").json()["data"]
        live, orphans = model.context(whole=whole)
        assert shown["version"] == model.version
        assert shown["included"] == ids(live)
        assert shown["omitted"] == [
            {"message_id": name, "reason": "call_retracted"} for name in ids(orphans)
        ]
        check_openai(shown["messages"])
        if not whole:
            assert shown["token_count"] == resource["context_tokens"]
            assert set(shown["summary_ids"]) <= {
                s["id"] for s in api.get(f"{path}/summaries").json()["data"]
            }


def ids(messages: list[Message]) -> list[str]:
    return [m.id for m in messages]


def look_at_all(api: Api, models: dict[str, Conversation]) -> None:
    """What shows several conversations."""
    for status in ("active", "archived", "deleted"):
        shown = everything(api, "/conversations", limit=2, status=status, sort_by="created_at")
        own = {name for name, model in models.items() if model.status == status}
        assert {c["id"] for c in shown} == own
        assert len(shown) == len(own)
    totals = api.get("/conversations/stats").json()["data"]
    statuses = [model.status for model in models.values()]
    assert totals["total_conversations"] == len(statuses)
    for status in ("active", "archived", "deleted"):
        assert totals[f"{status}_conversations"] == statuses.count(status)
    counts = [len(model.standing()) for model in models.values()]
    assert totals["total_messages"] == sum(counts)
