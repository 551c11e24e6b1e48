"""One action on many conversations."""

import pytest

from tests.services.support import Api, refused


def test_what_can_be_done_is_done(api: Api) -> None:
    for name in ("b1", "b2", "b3"):
        api.start(name)
    api.delete("/conversations/b3")
    names = ["b1", "b2", "b3", "nope", "not an id", "b1"]
    answer = api.post("/conversations/bulk", {"action": "archive", "conversation_ids": names})
    result = answer.json()["data"]
    assert answer.status_code == 200
    assert (result["action"], result["updated"], result["failed"]) == ("archive", 2, 3)
    assert [(e["id"], e["type"]) for e in result["errors"]] == [
        ("b3", "conflict"),
        ("nope", "not_found"),
        ("not an id", "not_found"),
    ]
    listed = api.get("/conversations?status=archived").json()["data"]
    assert {c["id"] for c in listed} >= {"b1", "b2"}
    assert int(answer.headers["x-event-position"]) == api.head()


def test_already_so_counts_as_updated(api: Api) -> None:
    api.start("so")
    body = {"action": "archive", "conversation_ids": ["so"]}
    first = api.post("/conversations/bulk", body)
    head = api.head()
    again = api.post("/conversations/bulk", body)
    assert again.json() == first.json()
    assert again.headers["x-event-position"] == first.headers["x-event-position"]
    assert api.head() == head


@pytest.mark.parametrize("action", ["archive", "unarchive", "delete", "restore"])
def test_every_action_on_a_hundred(api: Api, action: str) -> None:
    names = [f"hundred-{n}" for n in range(100)]
    for name in names:
        api.post("/conversations", {"id": name})
    before = api.head()
    answer = api.post("/conversations/bulk", {"action": action, "conversation_ids": names})
    assert answer.json()["data"] == {
        "action": action,
        "updated": 100,
        "failed": 0,
        "errors": [],
    }
    assert api.head() in (before, before + 100)
    shown = api.get("/conversations/hundred-7?include_deleted=true").json()["data"]["status"]
    assert shown == {"archive": "archived", "delete": "deleted"}.get(action, "active")


def test_other_workspaces_are_unknown(api: Api) -> None:
    with api.as_workspace("bulk-other") as other:
        other.start("theirs")
        body = {"action": "delete", "conversation_ids": ["theirs"]}
        assert api.post("/conversations/bulk", body).json()["data"]["failed"] == 1
        assert other.get("/conversations/theirs").status_code == 200


def test_bad_requests(api: Api) -> None:
    path = "/conversations/bulk"
    refused(api.post(path, {"action": "explode", "conversation_ids": ["a"]}), 400, param="action")
    refused(api.post(path, {"action": "archive", "conversation_ids": []}), 400)
    refused(api.post(path, {"action": "archive", "conversation_ids": ["a"] * 101}), 400)
    refused(api.post(path, {"action": "archive", "conversation_ids": [1]}), 400)
    refused(api.post(path, {"action": "archive"}), 400, "missing_field", "conversation_ids")
    guarded = api.post(
        path, {"action": "archive", "conversation_ids": ["a"]}, headers={"If-Match": '"1"'}
    )
    refused(guarded, 400, param="If-Match")
