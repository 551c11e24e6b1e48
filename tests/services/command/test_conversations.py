"""Create, update, delete, restore."""

import pytest

from tests.services.support import Api, refused, serving

ALL_FIELDS = {
    "id",
    "assistant_id",
    "title",
    "source",
    "status",
    "user_id",
    "message_count",
    "total_input_tokens",
    "total_output_tokens",
    "total_cost_cents",
    "metadata",
    "compaction",
    "context_tokens",
    "version",
    "created_at",
    "updated_at",
    "last_message_at",
    "deleted_at",
}


def test_create_with_everything(api: Api) -> None:
    answer = api.post(
        "/conversations",
        {
            "id": "whole",
            "created_at": "2024-02-03T04:05:06+02:00",
            "assistant_id": "a",
            "user_id": "u",
            "title": "T",
            "source": "widget",
            "metadata": {"k": "v"},
            "compaction": {"strategy": "none"},
            "messages": [
                {"role": "user", "content": "hello", "id": "m-1"},
                {"role": "assistant", "content": "hi", "cost_cents": 0.25, "output_tokens": 7},
            ],
        },
    )
    assert answer.status_code == 201
    made = answer.json()["data"]
    assert set(made) == ALL_FIELDS
    assert made["created_at"] == "2024-02-03T02:05:06Z"
    assert (made["source"], made["metadata"], made["title"]) == ("widget", {"k": "v"}, "T")
    assert made["compaction"]["strategy"] == "none"
    assert made["compaction"]["trigger_tokens"] == 16_000
    assert (made["message_count"], made["total_output_tokens"]) == (2, 7)
    assert made["total_cost_cents"] == 0.25
    assert answer.headers["etag"] == f'"{made["version"]}"' == '"3"'
    assert int(answer.headers["x-event-position"]) >= 3
    assert api.get("/conversations/whole?include_messages=false").json()["data"] == made


def test_minted_ids_and_defaults(api: Api) -> None:
    made = api.post("/conversations", {}).json()["data"]
    assert made["id"].startswith("conv_")
    assert made["status"] == "active"
    assert made["source"] == "api"
    assert made["compaction"]["strategy"] == "hybrid"


def test_an_id_in_use(api: Api) -> None:
    api.start("taken")
    error = refused(api.post("/conversations", {"id": "taken"}), 409, "already_exists", "id")
    assert error["type"] == "already_exists"
    with api.as_workspace("other") as other:
        assert other.start("taken").status_code == 201


def test_an_id_in_use_with_the_same_messages_in_a_process_that_knows_nothing_of_it(
    api: Api,
) -> None:
    """Both the conversation's start and its messages' ids are taken there: it is the first that counts."""
    messages = [{"role": "user", "content": text, "id": f"again-{text}"} for text in ("a", "b")]
    body = {"id": "again", "messages": messages}
    assert api.post("/conversations", body).status_code == 201
    head = api.head()
    with serving(api.database.service) as address, api.at(address) as elsewhere:
        refused(elsewhere.post("/conversations", body), 409, "already_exists", "id")
    assert api.head() == head


def test_update_merges(api: Api) -> None:
    api.start("u", title="old", user_id="x", metadata={"a": "1", "b": "2"})
    answer = api.patch(
        "/conversations/u",
        {
            "title": None,
            "user_id": "y",
            "metadata": {"a": None, "c": "3"},
            "compaction": {"keep_recent": 3},
            "status": "archived",
        },
    )
    made = answer.json()["data"]
    assert answer.status_code == 200
    assert (made["title"], made["user_id"], made["status"]) == (None, "y", "archived")
    assert made["metadata"] == {"b": "2", "c": "3"}
    assert made["compaction"]["keep_recent"] == 3
    assert made["compaction"]["strategy"] == "hybrid"
    assert api.get("/conversations/u?include_messages=false").json()["data"] == made


def test_a_change_that_is_none_makes_no_event(api: Api) -> None:
    api.start("still", title="T", metadata={"a": "1"})
    first = api.patch("/conversations/still", {"title": "U"})
    head = api.head()
    again = api.patch(
        "/conversations/still", {"title": "U", "status": "active", "metadata": {"z": None}}
    )
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-event-position"] == first.headers["x-event-position"]
    assert api.patch("/conversations/still", {}).json() == first.json()
    assert api.head() == head


def test_delete_hides_and_restore_brings_back(api: Api) -> None:
    api.start("gone", "one")
    before = api.get("/conversations/gone").json()["data"]
    deleted = api.delete("/conversations/gone")
    assert deleted.json() == {"data": {"id": "gone", "deleted": True}}
    again = api.delete("/conversations/gone", headers={"Content-Type": "application/json"})
    assert again.json() == deleted.json()
    assert again.headers["x-event-position"] == deleted.headers["x-event-position"]
    for path in ("", "/messages", "/events"):
        refused(api.get(f"/conversations/gone{path}"), 404, "conversation_not_found")
    shown = api.get("/conversations/gone?include_deleted=true").json()["data"]
    assert shown["status"] == "deleted"
    assert shown["deleted_at"]
    message = before["messages"][0]["id"]
    for answer in (
        api.post("/conversations/gone/messages", {"role": "user", "content": "x"}),
        api.patch("/conversations/gone", {"title": "x"}),
        api.patch(f"/conversations/gone/messages/{message}", {"is_pinned": True}),
        api.patch("/conversations/gone/messages/nope", {"is_pinned": True}),
    ):
        refused(answer, 409, "conversation_deleted")
    restored = api.post("/conversations/gone/restore").json()["data"]
    assert restored["status"] == "active"
    after = api.get("/conversations/gone").json()["data"]
    assert after["messages"] == before["messages"]
    assert api.post("/conversations/gone/restore").json()["data"] == restored


def test_an_append_wakes_an_archived_conversation(api: Api) -> None:
    api.start("sleeping")
    api.patch("/conversations/sleeping", {"status": "archived"})
    appended = api.post("/conversations/sleeping/messages", {"role": "user", "content": "x"})
    assert appended.status_code == 201
    assert api.get("/conversations/sleeping").json()["data"]["status"] == "active"


def test_if_match(api: Api) -> None:
    version = api.start("guarded").headers["etag"]
    answer = api.patch("/conversations/guarded", {"title": "1"}, headers={"If-Match": version})
    assert answer.status_code == 200
    stale = api.patch("/conversations/guarded", {"title": "2"}, headers={"If-Match": version})
    error = refused(stale, 412, "version_mismatch", "If-Match")
    assert error["type"] == "precondition_failed"
    assert stale.headers["x-should-retry"] == "false"
    weak = {"If-Match": "W/" + answer.headers["etag"]}
    assert api.delete("/conversations/guarded", headers=weak).status_code == 200
    any_will_do = api.post("/conversations/guarded/restore", headers={"If-Match": "*"})
    assert any_will_do.status_code == 200


@pytest.mark.parametrize(
    "value", ["x", "-1", '"1a"', "1.5", '"1","2"', "9" * 30, "", '"7', '7"', '""', "W/7", "*, *"]
)
def test_if_match_nonsense(api: Api, value: str) -> None:
    answer = api.patch("/conversations/nobody", {"title": "2"}, headers={"If-Match": value})
    refused(answer, 400, "invalid_value", "If-Match")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/restore"),
        ("POST", "/messages"),
        ("PATCH", "/messages/m"),
    ],
)
@pytest.mark.parametrize("name", ["nobody", "a b", "x" * 65, "é"])
@pytest.mark.parametrize("more", [{}, {"If-Match": '"1"'}])
def test_unknown_conversations(
    api: Api, method: str, path: str, name: str, more: dict[str, str]
) -> None:
    bodies = {"": {"title": "x"}, "/messages": {"role": "user", "content": "x"}}
    body = {"is_pinned": True} if "/m" in path and method == "PATCH" else bodies.get(path)
    sent = {} if body is None or method == "DELETE" else {"json": body}
    answer = api(method, f"/conversations/{name}{path}", headers=more, **sent)
    refused(answer, 404, "conversation_not_found")


def test_no_version_could_be_meant(api: Api) -> None:
    for value in ('"1"', "*", "x"):
        answer = api.post("/conversations", {"id": "first"}, headers={"If-Match": value})
        refused(answer, 400, "invalid_value", "If-Match")
    refused(api.get("/conversations/first"), 404)
