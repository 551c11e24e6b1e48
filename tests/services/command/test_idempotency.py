"""A keyed request is done once and answered again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from tests.services.support import Api, refused, serving

KEYED = {
    "create": ("POST", "/conversations", {"title": "x", "messages": [{"role": "user", "content": "m"}]}),
    "append": ("POST", "/conversations/{c}/messages", {"role": "user", "content": "hi"}),
    "batch": ("POST", "/conversations/{c}/messages/batch", {"messages": [{"role": "user", "content": "hi"}] * 2}),
    "update": ("PATCH", "/conversations/{c}", {"title": "new"}),
    "no change": ("PATCH", "/conversations/{c}", {}),
    "pin": ("PATCH", "/conversations/{c}/messages/{c}-m", {"is_pinned": True}),
    "delete": ("DELETE", "/conversations/{c}", None),
    "restore": ("POST", "/conversations/{c}/restore", None),
    "bulk": ("POST", "/conversations/bulk", {"action": "archive", "conversation_ids": ["{c}", "none"]}),
    "bulk of none": ("POST", "/conversations/bulk", {"action": "archive", "conversation_ids": ["no"]}),
    "bulk of nonsense": ("POST", "/conversations/bulk", {"action": "archive", "conversation_ids": ["a b"]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere(api: Api) -> Iterator[Api]:
    """A second process, which knows nothing of what the first has done."""
    with serving(api.database.service) as address, api.at(address) as client:
        yield client


@pytest.mark.parametrize("name", KEYED)
def test_replay_and_reuse(api: Api, elsewhere: Api, name: str) -> None:
    method, path, body = KEYED[name]
    conversation = f"idem-{name.replace(' ', '-')}"
    if name != "create":
        message = {"role": "user", "content": "m", "id": f"{conversation}-m"}
        api.post("/conversations", {"id": conversation, "messages": [message]})
    path = path.format(c=conversation)
    if isinstance(body, dict) and "conversation_ids" in body:
        body = {**body, "conversation_ids": [i.format(c=conversation) for i in body["conversation_ids"]]}  # fmt: skip
    headers = {"Idempotency-Key": f"key of {name}"}
    more = {"json": body} if body is not None else {}
    first = api(method, path, headers=headers, **more)
    assert first.status_code in (200, 201), first.text
    assert "idempotent-replayed" not in first.headers
    head = api.head()

    again = api(method, path, headers=headers, **more)
    assert again.json() == first.json()
    assert again.status_code == first.status_code
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-event-position"] == first.headers["x-event-position"]

    assert elsewhere(method, path, headers=headers, **more).json() == first.json()

    stale = headers | {"If-Match": '"1"'}
    once_each = name[:4] == "bulk" or name == "create"  # there no version could be meant
    refused(api(method, path, headers=stale, **more), 400 if once_each else 422)
    other = api.post("/conversations", {"title": "another"}, headers=headers)
    error = refused(other, 422, "idempotency_key_reused", "Idempotency-Key")
    assert error["type"] == "idempotency_error"
    assert api.head() == head


def test_two_at_once_are_one(api: Api) -> None:
    api.start("at-once")
    headers = {"Idempotency-Key": "at once"}
    body = {"role": "user", "content": "hi"}
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda _: api.post("/conversations/at-once/messages", body, headers=headers),
                range(16),
            )
        )
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sum("idempotent-replayed" in a.headers for a in answers) == 15
    assert len(api.get("/conversations/at-once/messages").json()["data"]) == 1


def test_twins_at_two_processes_are_one(api: Api, elsewhere: Api) -> None:
    """Both are under way at once, each in a process that knows nothing of the other."""
    api.start("twins")
    message = {"role": "user", "content": "hi"}
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            own = f"twins-{number}"
            for method, path, body, guarded in (
                ("POST", "/conversations/twins/messages", message, False),
                ("POST", "/conversations", {"id": own}, False),
                ("PATCH", "/conversations/twins", {"title": own}, True),
                ("DELETE", f"/conversations/{own}", None, True),
            ):
                headers = {"Idempotency-Key": f"{method} {path} {number}"}
                if guarded:
                    headers["If-Match"] = api.get(path).headers["etag"]
                more = {"json": body} if body else {}
                answers = [
                    pool.submit(client, method, path, headers=headers, **more)
                    for client in [api, elsewhere] * 4
                ]
                found = [answer.result() for answer in answers]
                told = {(a.status_code, a.text, a.headers.get("x-event-position")) for a in found}
                assert len(told) == 1, told
                assert found[0].is_success
                assert sum("idempotent-replayed" not in a.headers for a in found) == 1
    assert len(api.get("/conversations/twins/messages").json()["data"]) == 5


def test_the_first_answer_though_the_conversation_moved_on(api: Api) -> None:
    """Positions and ETags are those of then; only a Conversation is shown as it stands now."""
    api.start("moved")
    message = {"role": "user", "content": "hi"}
    path = "/conversations/moved"
    requests = [
        ("POST", f"{path}/messages", message),
        ("POST", f"{path}/messages/batch", {"messages": [message, message]}),
        ("DELETE", path, None),
        ("DELETE", path, None),  # nothing to do: the position of the delete before
        ("POST", f"{path}/restore", None),
        ("PATCH", path, {"title": "t"}),
        ("PATCH", path, {"title": "t"}),
    ]
    first = []
    for number, (method, to, body) in enumerate(requests):
        headers = {"Idempotency-Key": f"moved {number}"}
        first.append(api(method, to, headers=headers, **({"json": body} if body else {})))
        api.start(f"other traffic {number}".replace(" ", "-"))
    api.patch(path, {"title": "moved on"})
    for number, (method, to, body) in enumerate(requests):
        headers = {"Idempotency-Key": f"moved {number}"}
        again = api(method, to, headers=headers, **({"json": body} if body else {}))
        assert again.status_code == first[number].status_code
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["x-event-position"] == first[number].headers["x-event-position"]
        if "title" in again.json()["data"]:
            assert again.json()["data"]["title"] == "moved on"
            assert again.headers["etag"] == f'"{again.json()["data"]["version"]}"'
        else:
            assert again.json() == first[number].json()
            assert again.headers["etag"] == first[number].headers["etag"]
    assert first[2].headers["x-event-position"] == first[3].headers["x-event-position"]


def test_replays_on_a_deleted_conversation(api: Api) -> None:
    message = {"role": "user", "content": "m", "id": "m"}
    api.post("/conversations", {"id": "buried", "messages": [message]})
    requests = [
        ("POST", "/conversations/buried/messages", {"role": "user", "content": "hi"}),
        ("PATCH", "/conversations/buried/messages/m", {"is_pinned": True}),
        ("PATCH", "/conversations/buried", {"title": "t"}),
    ]
    sent = [
        api(method, path, json=body, headers={"Idempotency-Key": f"buried {n}"})
        for n, (method, path, body) in enumerate(requests)
    ]
    api.delete("/conversations/buried")
    for n, (method, path, body) in enumerate(requests):
        again = api(method, path, json=body, headers={"Idempotency-Key": f"buried {n}"})
        assert again.status_code == sent[n].status_code
        assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["data"]["status"] == "deleted"  # as it stands now
    refused(api.patch("/conversations/buried", {"title": "t"}), 409, "conversation_deleted")


CALL = {"id": "call", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize("many", [False, True])
def test_messages_with_ids_of_their_own(api: Api, many: bool) -> None:
    """The key decides before the id does, also where the message looks wrong by now."""
    name = f"tool-{many}"
    api.post(
        "/conversations", {"id": name, "messages": [{"role": "assistant", "tool_calls": [CALL]}]}
    )
    answer = {"role": "tool", "content": "4", "tool_call_id": "call", "id": "t"}
    path, body = (
        (f"/conversations/{name}/messages/batch", {"messages": [answer]})
        if many
        else (f"/conversations/{name}/messages", answer)
    )
    first = api.post(path, body, headers={"Idempotency-Key": f"{name} 1"})
    assert first.status_code == 201
    again = api.post(path, body, headers={"Idempotency-Key": f"{name} 1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    refused(
        api.post(path, body, headers={"Idempotency-Key": f"{name} 1", "If-Match": '"9"'}),
        422,
        "idempotency_key_reused",
    )

    # With another key it is the repetition of a stored message: 200, and that, too, is kept.
    second = api.post(path, body, headers={"Idempotency-Key": f"{name} 2"})
    assert (second.status_code, second.json()) == (200, first.json())
    assert "idempotent-replayed" not in second.headers
    repeated = api.post(path, body, headers={"Idempotency-Key": f"{name} 2"})
    assert (repeated.status_code, repeated.json()) == (200, first.json())
    assert repeated.headers["idempotent-replayed"] == "true"
    for header in ("etag", "x-event-position"):
        assert repeated.headers[header] == second.headers[header]
    other = api.patch(
        f"/conversations/{name}", {"title": "x"}, headers={"Idempotency-Key": f"{name} 2"}
    )
    refused(other, 422, "idempotency_key_reused")


def test_a_key_is_free_again_after_a_day(api: Api) -> None:
    headers = {"Idempotency-Key": "of yesterday"}
    assert api.post("/conversations", {"id": "yesterday"}, headers=headers).status_code == 201
    with psycopg.connect(api.database.superuser) as connection:
        (left,) = connection.execute(
            "SELECT expires_at - now() FROM idempotency WHERE key = 'of yesterday'"
        ).fetchone() or (None,)
        assert timedelta(hours=23) < left <= timedelta(hours=24)
        connection.execute("UPDATE idempotency SET expires_at = now() WHERE key = 'of yesterday'")
    today = api.post("/conversations", {"id": "today"}, headers=headers)  # not purged yet
    assert today.status_code == 201
    assert "idempotent-replayed" not in today.headers
    assert api.post("/conversations", {"id": "today"}, headers=headers).json() == today.json()


def test_what_is_kept_holds_no_text(api: Api) -> None:
    secret = "what-was-said"
    headers = {"Idempotency-Key": "confidential"}
    body = {"title": secret, "metadata": {"m": secret}, "messages": [{"role": "user", "content": secret}]}  # fmt: skip
    assert api.post("/conversations", body, headers=headers).status_code == 201
    with psycopg.connect(api.database.superuser) as connection:
        rows = connection.execute("SELECT convert_from(result, 'utf8') FROM idempotency").fetchall()
    assert rows
    assert not any(secret in row[0] for row in rows)


def test_refusals_are_not_stored(api: Api) -> None:
    headers = {"Idempotency-Key": "refused first"}
    body = {"role": "user", "content": "hi"}
    refused(api.post("/conversations/later/messages", body, headers=headers), 404)
    api.start("later")
    assert api.post("/conversations/later/messages", body, headers=headers).status_code == 201


def test_a_key_is_of_one_workspace(api: Api) -> None:
    headers = {"Idempotency-Key": "shared name"}
    assert api.post("/conversations", {"id": "w"}, headers=headers).status_code == 201
    with api.as_workspace("another") as other:
        assert other.post("/conversations", {"id": "w"}, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_keys_that_cannot_be(api: Api, key: str) -> None:
    answer = api.post("/conversations", {}, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    refused(answer, 400, "invalid_value", "Idempotency-Key")
