"""One run: a seeded number of cases against the processes of a service, and what must hold afterwards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import psycopg

from tests.faults.checker import differences_of, gaps_of
from tests.hostile.cases import CONVERSATION, MESSAGE, USER, Cases
from tests.hostile.client import Wire
from tests.hostile.fuzz import Fuzz
from tests.hostile.judge import CANARY, broken_by, wrong_case
from tests.hostile.wire import situations

SHARE = 0.85
"""Of all cases, those of the corpus; the rest are Schemathesis's."""
STEP = 2_000
"""Cases between two lines of progress."""
REVIVED = 50
"""Pairs of cases after which what they name is restored."""


class Target:
    """The service: its processes' addresses by name, the two identities' keys, the database."""

    def __init__(self, addresses: Mapping[str, str], keys: tuple[str, str], dsn: str) -> None:
        self.addresses = addresses
        self.keys = keys
        self.dsn = dsn
        one = next(iter(addresses.values()))
        answer = httpx.get(f"{one}/schema/openapi.json", timeout=60).raise_for_status()
        self.document: dict[str, Any] = answer.json()
        self._homes = {path: self._homes_of(path) for path in self.document["paths"]}

    def _homes_of(self, path: str) -> dict[str, str]:
        """By method, the process that serves it. Each says so itself."""
        homes: dict[str, str] = {}
        for name, address in self.addresses.items():
            answer = httpx.options(f"{address}{path.replace('{', '').replace('}', '')}")
            for method in answer.headers.get("allow", "").split(", "):
                homes.setdefault(method, name)
        return homes

    def home(self, method: str, path: str) -> str:
        """Of an operation; any process for what none serves."""
        homes = self._homes[path]
        return homes.get(method.upper()) or next(iter(homes.values()), "command")

    def place(self, name: str) -> tuple[str, int]:
        parts = urlsplit(self.addresses[name])
        return parts.hostname or "", parts.port or 0


@dataclass
class Found:
    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return sum(self.counts.values())

    def add(self, kind: str, count: int, wrong: list[str], tell: Callable[[str], None]) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.wrong += wrong
        tell(f"{self.cases:,} cases; {kind}: {self.counts[kind]:,}; {len(self.wrong)} wrong")


def attack(target: Target, cases: int, seed: int, tell: Callable[[str], None]) -> Found:
    """All of it, about `cases` requests in all."""
    found = Found()
    prepare(target)
    for name in target.addresses:
        place = target.place(name)
        wrong = [broken_by(one, place) for one in situations(target.keys[0], seed)]
        found.add("by wire", len(wrong), [f"{name}: {w}" for w in wrong if w], tell)
    rest = cases - found.cases
    of_corpus(target, int(rest * SHARE), seed, found, tell)
    fuzzed(target, rest - int(rest * SHARE), seed, found, tell)
    found.wrong += after(target)
    return found


def prepare(target: Target) -> None:
    """Something to name in paths, and something to hide from the other workspace."""
    for key, hidden in zip(target.keys, (CANARY, "mine"), strict=True):
        body = {
            "id": CONVERSATION,
            "title": hidden,
            "user_id": USER,
            "metadata": {"hidden": hidden},
            "messages": [{"id": MESSAGE, "role": "user", "content": f"hello {hidden}"}],
        }
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(f"{target.addresses['command']}/v1/conversations", json=body, headers=headers)  # fmt: skip
        assert answer.status_code in (201, 409), answer.text


def revive(target: Target) -> None:
    """Cases delete what they name: it comes back, with a message to name."""
    for key in target.keys:
        with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as http:
            one = f"{target.addresses['command']}/v1/conversations/{CONVERSATION}"
            http.post(f"{one}/restore")
            http.post(
                f"{one}/messages",
                json={
                    "id": MESSAGE,
                    "role": "user",
                    "content": CANARY if key == target.keys[0] else "mine",
                },
            )


def of_corpus(
    target: Target, count: int, seed: int, found: Found, tell: Callable[[str], None]
) -> None:
    """Either identity sends every case; what the second is shown must not be the first's."""
    sides = [iter(Cases(target.document, key, seed)) for key in target.keys]
    with ExitStack() as stack:
        wires = {name: stack.enter_context(Wire(target.place(name))) for name in target.addresses}
        for done in range(0, count, STEP):
            step = min(STEP, count - done)
            wrong: list[str] = []
            for number, case in enumerate(islice(zip(*sides, strict=True), (step + 1) // 2)):
                if number % REVIVED == 0:
                    revive(target)
                for one, stranger in zip(case, (False, True), strict=True):
                    wire = wires[target.home(one.method, one.path)]
                    told = wrong_case(wire, one, stranger=stranger)
                    wrong += [told] if told else []
            found.add("of the corpus", step, wrong, tell)


def fuzzed(
    target: Target, count: int, seed: int, found: Found, tell: Callable[[str], None]
) -> None:
    def address_of(method: str, path: str) -> str:
        return target.addresses[target.home(method, path)]

    fuzz = Fuzz(target.document, address_of, target.keys)
    fuzz.alone(count // 2, seed)
    found.add("of Schemathesis", fuzz.count, fuzz.wrong, tell)
    alone, fuzz.wrong = fuzz.count, []
    fuzz.in_a_row(count - alone, seed)
    found.add("of Schemathesis, in a row", fuzz.count - alone, fuzz.wrong, tell)


def after(target: Target) -> Iterator[str]:
    """All alive, the log without a gap, read models as a replay from zero, workspaces apart."""
    for name, address in target.addresses.items():
        answer = httpx.get(f"{address}/health/ready", timeout=30)
        if answer.status_code != 200:
            yield f"{name} is not ready: {answer.text[:300]}"
    stranger = {"Authorization": f"Bearer {target.keys[1]}"}
    for path in (
        f"{CONVERSATION}?include_deleted=true",
        "search?q=hello&status=all",
        "?status=all",
    ):
        url = f"{target.addresses['query']}/v1/conversations/{path}".replace("/?", "?")
        answer = httpx.get(url, headers=stranger, timeout=30)
        if answer.status_code != 200 or CANARY in answer.text:
            yield f"the other workspace is shown: {answer.status_code} {answer.text[:300]}"
    yield from gaps_of(target.dsn)
    yield from differences_of(target.dsn)
    yield from _strangers(target.dsn)


def _strangers(dsn: str) -> Iterator[str]:
    """Events of a workspace that another's key made."""
    with psycopg.connect(dsn) as connection:
        owners = dict(connection.execute("SELECT id::text, workspace FROM api_keys").fetchall())
        for stream, state in connection.execute("SELECT originator_id, state FROM events"):
            actor = msgspec.json.decode(bytes(state)).get("by")
            if owners.get(actor) != stream.partition(":")[0]:
                yield f"{stream}: an event of {actor}"
