"""Compacted conversations through an export and back: all texts and marks, and the context of all that was said.

What an import does not take over is what shortened the context: it can be made again from what it does.
"""

import os
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.cli.round_trip import kept
from tests.services.cli.support import CommandLine
from tests.services.support import Api

EXAMPLES = int(os.environ.get("VERBATIM_ROUND_TRIPS", "4"))
FILLER = " It weighs 12.5 stone and goes to Harbour Street 9 in Ghent."


some = st.integers(0, 30)
"""Which of the messages that stand."""
call_id = st.sampled_from(["a", "b"])
step = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["user", "assistant", "system"]), some),
    st.tuples(st.just("say"), st.sampled_from(["user", "assistant"]), some),
    st.tuples(st.just("call"), st.lists(call_id, min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("answer"), call_id),
    st.tuples(st.just("pin"), some, st.booleans()),
    st.tuples(st.just("retract"), some),
    st.tuples(
        st.just("compact"),
        st.sampled_from(["hybrid", "summarization", "sliding_window"]),
        st.integers(0, 5),
    ),
)
life = st.lists(step, min_size=6, max_size=30)


class Telling:
    """A conversation told step by step; a step that the service refuses is none."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._path = f"/conversations/{name}"
        self._said = 0
        self._standing: list[str] = []
        api.post("/conversations", {"id": name, "user_id": "u", "metadata": {"of": name}})

    def go(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])

    def say(self, role: str, number: int) -> None:
        self._append({"role": role, "content": f"Crate {number} of {self._said}.{FILLER}"})

    def call(self, ids: list[str]) -> None:
        function = {"name": "find", "arguments": '{"crate": 4711}'}
        calls = [{"id": each, "type": "function", "function": function} for each in ids]
        self._append({"role": "assistant", "content": None, "tool_calls": calls})

    def answer(self, call_id: str) -> None:
        text = f"Shelf {self._said}.{FILLER}"
        self._append({"role": "tool", "tool_call_id": call_id, "content": text})

    def pin(self, which: int, is_pinned: bool) -> None:
        if (name := self._some(which)) is not None:
            done = self._api.patch(f"{self._path}/messages/{name}", {"is_pinned": is_pinned})
            assert done.status_code == 200, done.text

    def retract(self, which: int) -> None:
        if (name := self._some(which)) is not None:
            self._standing.remove(name)
            items = f"{self._api.address}/openai/v1{self._path}/items"
            headers = {"Authorization": f"Bearer {self._api.key}"}
            done = httpx.delete(f"{items}/{name}", headers=headers)
            assert done.status_code == 200, done.text

    def compact(self, strategy: str, keep_recent: int) -> None:
        done = self._api.post(
            f"{self._path}/compact", {"strategy": strategy, "keep_recent": keep_recent}
        )
        assert done.status_code == 200, done.text

    def _append(self, message: dict[str, Any]) -> None:
        name = f"m{self._said}"
        done = self._api.post(f"{self._path}/messages", {"id": name, **message})
        if done.status_code == 201:
            self._said += 1
            self._standing.append(name)
        else:
            assert done.json()["error"]["code"] == "unmatched_tool_call", done.text

    def _some(self, which: int) -> str | None:
        return self._standing[which % len(self._standing)] if self._standing else None


def whole_context(api: Api, name: str, shape: str, **query: str) -> Any:
    """What a model is given, and which messages are in it."""
    answer = api.get(f"/conversations/{name}/context", params={"format": shape, **query})
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    return {k: found.get(k) for k in ("system", "messages", "token_count", "included", "omitted")}


def exported_and_read(
    verbatim: CommandLine, old: Api, new: Api, file: str, *arguments: str
) -> None:
    """Twice: the second time nothing changes."""
    path = verbatim.folder / file
    form = file.rpartition(".")[2]
    asked = ("--user", "u", "--format", form, *arguments, "-o", path)
    done = verbatim("export", *asked, env={"VERBATIM_API_KEY": old.key})
    assert (done.code, done.err) == (0, "")
    for expected in ("conversations", "unchanged"):
        read = verbatim("import", path, "--json", env={"VERBATIM_API_KEY": new.key})
        assert read.code == 0, read.err
        assert read.json[expected] == 1
        assert kept(new) == kept(old)
        for shape in ("openai", "anthropic"):
            told = whole_context(new, "c", shape)
            assert told == whole_context(old, "c", shape, strategy="none")


def test_what_was_compacted_is_read_back(verbatim: CommandLine, api: Api) -> None:
    number = 0

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(life, st.sampled_from(["json", "jsonl"]), st.booleans())
    def round_trip(steps: list[tuple[Any, ...]], form: str, with_events: bool) -> None:
        nonlocal number
        number += 1
        with (
            api.as_workspace(f"left-{number}") as old,
            api.as_workspace(f"came-{number}") as new,
        ):
            telling = Telling(old, "c")
            for one in steps:
                telling.go(one)
            more = ("--include-events",) if with_events else ()
            exported_and_read(verbatim, old, new, f"{number}.{form}", *more)

    round_trip()


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_result_whose_call_was_retracted_comes_along(
    verbatim: CommandLine, api: Api, form: str
) -> None:
    """The service takes no result without a call, and no word may be lost."""
    steps = [
        ("say", "user", 1), ("call", ["a", "b"]), ("answer", "a"), ("answer", "b"), ("pin", 3, True),
        ("say", "user", 2), ("retract", 1), ("call", ["a"]), ("answer", "a"), ("compact", "hybrid", 1),
    ]  # fmt: skip
    with api.as_workspace(f"lone-{form}") as old, api.as_workspace(f"lone-to-{form}") as new:
        telling = Telling(old, "c")
        for one in steps:
            telling.go(one)
        exported_and_read(verbatim, old, new, f"lone.{form}")
        assert [m["id"] for m in new.get("/conversations/c/messages").json()["data"]] == [
            "m0", "m2", "m3", "m4", "m5", "m6",
        ]  # fmt: skip
