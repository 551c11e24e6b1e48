"""What may happen, in any order."""

from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.agreement.drawn import NAMES, as_sent, drafts, matches, numbers, patches, places, twice
from tests.agreement.machine import Json, Machine, Place
from tests.agreement.model import Conversation, Message, No
from tests.services.support import Api


class Rules(Machine):
    def drawn(self, given: list[Json]) -> list[Message]:
        """Messages with new ids."""
        return [Message(f"m{next(self.numbers)}", **draft) for draft in given]

    @rule(at=places, first=st.lists(drafts, max_size=3), patch=patches, twice=twice)
    def start(self, at: Place, first: list[Json], patch: Json, twice: bool) -> None:
        messages = self.drawn(first)
        metadata = {k: v for k, v in patch.get("metadata", {}).items() if v}
        fields = {k: v for k, v in patch.items() if k not in ("status", "metadata")}

        def expected() -> int:
            if self.model(at) is not None:
                raise No(409, "already_exists")
            new = Conversation(fields, metadata, version=1)
            new.append(messages)
            self.models[at[0]][at[1]] = new
            return 201

        sent = [as_sent(message) for message in messages]
        body = {"id": at[1], "messages": sent, "metadata": metadata, **fields}
        self.write(at, ("POST", "/conversations", body), expected, twice=twice)

    @rule(at=places, given=st.lists(drafts, min_size=1, max_size=4), twice=twice, match=matches)
    def append(self, at: Place, given: list[Json], twice: bool, match: str | None) -> None:
        self._append(at, self.drawn(given), twice=twice, match=match)

    @rule(
        at=places,
        number=numbers,
        more=st.lists(drafts, max_size=1),
        change=st.booleans(),
        twice=twice,
    )
    def append_again(
        self, at: Place, number: int, more: list[Json], change: bool, twice: bool
    ) -> None:
        """A message id that is in use, with the same content or another, alone or before a new one."""
        known = self.known(at, number)
        if known is not None and known.kind == "message":
            content = f"{known.content} changed" if change else known.content
            again = Message(known.id, known.role, content, known.calls, known.answers)
            self._append(at, [again, *self.drawn(more)], twice=twice)

    def _append(
        self, at: Place, messages: list[Message], *, twice: bool, match: str | None = None
    ) -> None:
        path = f"/conversations/{at[1]}/messages"
        sent = [as_sent(message) for message in messages]
        one, batch = ("POST", path, sent[0]), ("POST", f"{path}/batch", {"messages": sent})
        self.write(
            at,
            one if len(sent) == 1 else batch,
            lambda: self.alive(at).append(messages),
            twice=twice,
            match=match,
        )

    @rule(at=places)
    def add_thought(self, at: Place) -> None:
        """An item of another kind than a message: it is kept, and stands in no context."""
        word = f"thought{next(self.numbers)}"
        thought = Message("", "assistant", word, kind="reasoning")
        body = {"items": [{"type": "reasoning", "summary": [], "encrypted_content": word}]}
        path = f"/openai/v1/conversations/{at[1]}/items"

        def expected() -> int:
            self.alive(at).append([thought])
            return 200

        told = self.write(at, ("POST", path, body), expected)
        if told is not None:
            thought.id = told["data"][0]["id"]

    @rule(at=places, number=numbers, twice=twice)
    def retract(self, at: Place, number: int, twice: bool) -> None:
        """As OpenAI's clients delete an item."""
        known = self.known(at, number)
        if known is None:
            return

        def expected() -> int:
            self.alive(at).retract(known)
            return 200

        path = f"/openai/v1/conversations/{at[1]}/items/{known.id}"
        self.write(at, ("DELETE", path, None), expected, twice=twice)

    @rule(at=places, patch=patches, twice=twice, match=matches)
    def update(self, at: Place, patch: Json, twice: bool, match: str | None) -> None:
        def expected() -> int:
            self.alive(at).update(patch)
            return 200

        request = ("PATCH", f"/conversations/{at[1]}", patch)
        self.write(at, request, expected, twice=twice, match=match)

    @rule(at=places, deleted=st.booleans(), twice=twice, match=matches)
    def delete_or_restore(self, at: Place, deleted: bool, twice: bool, match: str | None) -> None:
        def expected() -> int:
            self.existing(at).delete(deleted=deleted)
            return 200

        path = f"/conversations/{at[1]}"
        request = ("DELETE", path, None) if deleted else ("POST", f"{path}/restore", None)
        self.write(at, request, expected, twice=twice, match=match)

    @rule(
        side=st.integers(0, 1),
        some=st.lists(st.sampled_from([*NAMES, "nobody", "no id"]), min_size=1, max_size=4),
        action=st.sampled_from(["archive", "unarchive", "delete", "restore"]),
        twice=twice,
    )
    def bulk(self, side: int, some: list[str], action: str, twice: bool) -> None:
        failed: dict[str, str] = {}

        def expected() -> int:
            for name in dict.fromkeys(some):
                model = self.model((side, name))
                if model is None:
                    failed[name] = "not_found"
                elif action in ("delete", "restore"):
                    model.delete(deleted=action == "delete")
                elif model.deleted:
                    failed[name] = "conflict"
                else:
                    model.update({"status": "archived" if action == "archive" else "active"})
            return 200

        body = {"action": action, "conversation_ids": some}
        request = ("POST", "/conversations/bulk", body)
        answer: Any = self.write((side, some[0]), request, expected, twice=twice)
        told = answer["data"]
        assert {error["id"]: error["type"] for error in told["errors"]} == failed
        assert told["updated"] == len(set(some)) - len(failed)

    @rule(at=places, number=numbers, pinned=st.booleans(), twice=twice)
    def pin(self, at: Place, number: int, pinned: bool, twice: bool) -> None:
        known = self.known(at, number)

        def expected() -> int:
            model = self.alive(at)
            if known is None:
                raise No(404, "message_not_found")
            model.pin(known, pinned=pinned)
            return 200

        path = f"/conversations/{at[1]}/messages/{known.id if known else 'm'}"
        self.write(at, ("PATCH", path, {"is_pinned": pinned}), expected, twice=twice)

    @rule(
        at=places,
        strategy=st.sampled_from([None, "sliding_window", "summarization", "hybrid"]),
        keep=st.integers(0, 4),
        goal=st.none() | st.integers(1, 200),
        twice=twice,
    )
    def compact(
        self, at: Place, strategy: str | None, keep: int, goal: int | None, twice: bool
    ) -> None:
        """What it picks is the service's affair: the model takes it over, after a look at what must stay."""
        body = {"strategy": strategy, "keep_recent": keep, "target_tokens": goal}
        path = f"/conversations/{at[1]}/compact"
        before = self.clients[at[0]].post(path, body | {"preview_only": True})

        def expected() -> int:
            model = self.alive(at)
            if before.status_code == 400:
                raise No(400, "context_budget_too_small")
            told = before.json()["data"]
            chosen = sequences_of(told)
            live, orphans = model.context()
            free = {m.sequence for m in live if not m.pinned and m.role != "system"}
            assert chosen <= free | {m.sequence for m in orphans}
            assert told["messages_compacted"] == len(chosen)
            if told["tokens_saved"] > 0:
                model.compact(chosen)
            return 200

        told = self.write(at, ("POST", path, body), expected, twice=twice)
        if told is not None:
            note(before.text)
            same = ("messages_compacted", "tokens_saved", "compacted", "compression_ratio")
            seen = before.json()["data"]
            assert {k: told["data"][k] for k in same} == {k: seen[k] for k in same}
            happened = told["data"]["compaction_id"] is not None
            assert happened is (told["data"]["tokens_saved"] > 0)

    @rule(at=places, number=numbers)
    def find(self, at: Place, number: int) -> None:
        """A word that only one message of this workspace has is found there while it stands."""
        known = self.known(at, number)
        client, model = self.clients[at[0]], self.model(at)
        if known is None or model is None or known.content != "words " * 40:
            return
        answer = client.get("/conversations/search?q=words&search_in=messages&status=all&limit=100")
        assert answer.status_code == 200, answer.text
        expected = {
            name
            for name, one in self.models[at[0]].items()
            if any(m.content == "words " * 40 for m in one.standing())
        }
        assert {found["id"] for found in answer.json()["data"]} == expected

    @precondition(lambda self: bool(self.shown))
    @rule(number=numbers)
    def look_back(self, number: int) -> None:
        """As of an earlier version it is shown as it was then."""
        (at, version), then = list(self.shown.items())[number % len(self.shown)]
        query = f"?as_of={version}&include_deleted=true&message_limit=3"
        answer = self.clients[at[0]].get(f"/conversations/{at[1]}{query}")
        assert answer.status_code == 200, answer.text
        told = answer.json()["data"]
        other = ("messages", "messages_cursor")
        assert without(told, other) == without(then, other)
        assert [m["id"] for m in told["messages"]] == [m["id"] for m in then["messages"]]


def sequences_of(told: Json) -> set[int]:
    runs = [(run["first_sequence"], run["last_sequence"]) for run in told["compacted"]]
    return {number for first, last in runs for number in range(first, last + 1)}


def without(given: Json, names: tuple[str, ...]) -> Json:
    return {name: value for name, value in given.items() if name not in names}


def machine(api: Api) -> type[Rules]:
    """The machine at this service. `api`'s own workspace is not used."""
    return type("Agreement", (Rules,), {"api": api})
