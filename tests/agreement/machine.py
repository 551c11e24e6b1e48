"""The machine without its rules: what it holds, how it writes, what it looks at after each rule."""

import itertools
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import uuid4

import httpx
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.agreement.looks import look, look_at_all
from tests.agreement.model import Conversation, Message, No
from tests.services.support import Api, refused

Place = tuple[int, str]
"""Which of the two workspaces, and the conversation's name there."""
Json = dict[str, Any]


class Machine(RuleBasedStateMachine):
    """Two workspaces of their own at the service of `api`, whose conversations bear the same names."""

    api: ClassVar[Api]
    operations: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count()
        self.models: tuple[dict[str, Conversation], ...] = ({}, {})
        self.begun = self.api.head()
        workspaces = [f"w{side}-{uuid4().hex[:20]}" for side in (0, 1)]
        self._made = [self.api.as_workspace(workspace) for workspace in workspaces]
        self.clients = [made.__enter__() for made in self._made]
        self.at: Place = (0, "a")
        """What the last operation was about."""
        self.shown: dict[tuple[Place, int], Json] = {}
        """By version, how a conversation was shown then."""

    def teardown(self) -> None:
        try:
            for client, models in zip(self.clients, self.models, strict=True):
                look_at_all(client, models)
                for name, model in models.items():
                    look(client, name, model)
        finally:
            for made in self._made:
                made.__exit__(None, None, None)

    @invariant()
    def agree(self) -> None:
        type(self).operations += 1
        side, name = self.at
        model = self.model(self.at)
        shown = look(self.clients[side], name, model)
        if model is not None and shown is not None:
            self.shown[self.at, model.version] = shown
        events = sum(m.version for models in self.models for m in models.values())
        assert self.api.head() == self.begun + events

    def model(self, at: Place) -> Conversation | None:
        return self.models[at[0]].get(at[1])

    def alive(self, at: Place) -> Conversation:
        """To write to. Raises No."""
        model = self.existing(at)
        if model.deleted:
            raise No(409, "conversation_deleted")
        return model

    def existing(self, at: Place) -> Conversation:
        """Raises No."""
        model = self.model(at)
        if model is None:
            raise No(404, "conversation_not_found")
        return model

    def known(self, at: Place, number: int) -> Message | None:
        """One of its messages, if it has any."""
        model = self.model(at)
        return model.messages[number % len(model.messages)] if model and model.messages else None

    def write(
        self,
        at: Place,
        request: tuple[str, str, Any],
        expected: Callable[[], int],
        *,
        twice: bool = False,
        match: str | None = None,
    ) -> Json | None:
        """What `expected` does to the model, and answers, the service does too; None where both refuse.

        `twice`: with a key, and the same request again. `match`: with the right version, or a wrong one.
        """
        self.at = at
        version = self.models[at[0]][at[1]].version if self.model(at) else 0
        headers = {"Idempotency-Key": uuid4().hex} if twice else {}
        if match is not None:
            headers["If-Match"] = f'"{version + (match == "wrong")}"'
        answer = self._send(at, request, headers)
        note(f"{request} -> {answer.status_code} {answer.text[:300]}")
        try:
            if match == "wrong" and version:
                raise No(412, "version_mismatch")  # noqa: TRY301 - as the model does
            status = expected()
        except No as no:
            refused(answer, *no.args)
            if twice:
                refused(self._send(at, request, headers), *no.args)
            return None
        assert answer.status_code == status, answer.text
        model = self.model(at)
        if model is not None and "etag" in answer.headers:
            assert answer.headers["etag"] == f'"{model.version}"'
        if twice:
            again = self._send(at, request, headers)
            assert (again.status_code, again.json()) == (status, answer.json()), again.text
            assert again.headers["idempotent-replayed"] == "true"
        return answer.json()

    def _send(
        self, at: Place, request: tuple[str, str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        method, path, body = request
        client = self.clients[at[0]]
        if path.startswith("/openai/"):
            path = f"{client.address}{path}"
        return client(method, path, headers=headers, **({} if body is None else {"json": body}))
