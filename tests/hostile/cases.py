"""Cases by the million: each operation of the document, with one place of a right request made wrong."""

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_from_bytes

from tests.hostile.texts import BODIES, HEADERS, NAMES, NUMBERS, RAW, TEXTS, VALUES

Json = dict[str, Any]
MARK = "\ue123mark\ue123"
"""Stands in a body where a raw spelling comes in."""
CONVERSATION, MESSAGE, USER = "canary", "m1", "canary-user"
"""What the ids in paths name unless they are the place that is wrong; it is there."""
METHODS = ("PUT", "HEAD", "OPTIONS", "TRACE", "DELETE", "PATCH", "POST", "GET", "PROPFIND", "QUERY")


@dataclass(frozen=True)
class Case:
    """One request, ready to send."""

    name: str
    """What is wrong with it."""
    method: str
    path: str
    data: bytes


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    spec: Json

    @property
    def example(self) -> Any:
        content = self.spec.get("requestBody", {}).get("content", {})
        return content["application/json"]["example"] if content else None

    def parameters(self, place: str) -> list[str]:
        return [p["name"] for p in self.spec["parameters"] if p["in"] == place]

    def required(self) -> dict[str, str]:
        return {p["name"]: "hello" for p in self.spec["parameters"] if p["in"] == "query" and p["required"]}  # fmt: skip


def operations_of(document: Json) -> list[Operation]:
    """All that need a key."""
    return [
        Operation(method.upper(), path, spec)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
        if "x-required-scope" in spec
    ]


class Cases:
    """Seeded; the same seed gives the same cases."""

    def __init__(self, document: Json, key: str, seed: int) -> None:
        self._operations = operations_of(document)
        self._key = key
        self._chance = random.Random(seed)
        self._makers = (self._in_path, self._in_query, self._in_header, self._in_body, self._whole_body, self._method)  # fmt: skip
        self._number = 0

    def __iter__(self) -> Iterator[Case]:
        while True:
            operation = self._chance.choice(self._operations)
            weights = (2, 4, 3, 6 if operation.example is not None else 0, 2, 1)
            yield self._chance.choices(self._makers, weights)[0](operation)

    def _text(self) -> str:
        return self._chance.choice(TEXTS)

    def _in_path(self, operation: Operation) -> Case:
        names = ["conversation_id", "message_id", "user_id", "item_id"]
        values = {"conversation_id": CONVERSATION, "message_id": MESSAGE, "item_id": MESSAGE, "user_id": USER}  # fmt: skip
        mine = [name for name in names if f"{{{name}}}" in operation.path]
        quoted = {name: quote(value) for name, value in values.items()}
        path = operation.path
        wrong = quote(self._text(), safe="") if self._chance.random() < 0.6 else None
        raw = b"" if wrong is not None else self._chance.choice(RAW)
        place = self._chance.choice(mine) if mine else ""
        if place:
            quoted[place] = wrong if wrong is not None else "\x01"
            target = path.format(**quoted).encode().replace(b"\x01", raw)
        else:
            target = path.encode() + (wrong.encode() if wrong is not None else raw)
        return self._case(operation, f"path {place}", target=target)

    def _in_query(self, operation: Operation) -> Case:
        known = operation.parameters("query")
        parts = [f"{name}={value}".encode() for name, value in operation.required().items()]
        chance = self._chance
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            name = chance.choice(known) if known and chance.random() < 0.8 else self._text()
            if chance.random() < 0.15:
                name = f"{name}[{self._text()}]"
            value = quote_from_bytes(chance.choice(RAW)).encode() if chance.random() < 0.1 else quote(self._text(), safe="").encode()  # fmt: skip
            if chance.random() < 0.15:
                value = chance.choice(RAW)
            parts.append(quote(name, safe="").encode() + b"=" + value)
        chance.shuffle(parts)
        return self._case(operation, "query", query=b"&".join(parts))

    def _in_header(self, operation: Operation) -> Case:
        chance = self._chance
        known = [name.encode() for name in operation.parameters("header")]
        pairs = [
            (chance.choice([*known, *NAMES]), chance.choice(HEADERS))
            for _ in range(chance.choice((1, 1, 2, 3)))
        ]
        return self._case(operation, f"header {pairs[0][0][:40]!r}", headers=pairs)

    def _in_body(self, operation: Operation) -> Case:
        body = copy.deepcopy(operation.example)
        chance = self._chance
        way: list[Any] = []
        value = body
        while isinstance(value, dict | list) and value and (not way or chance.random() < 0.7):
            step = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))  # fmt: skip
            way.append(step)
            value = value[step]
        pick = chance.random()
        parent = body
        for step in way[:-1]:
            parent = parent[step]
        raw = b""
        if pick < 0.1 and isinstance(parent, dict):
            parent[self._text()] = parent.pop(way[-1])
        elif pick < 0.2:
            parent[way[-1]], raw = MARK, chance.choice(NUMBERS)
        elif pick < 0.6:
            parent[way[-1]] = self._text()
        else:
            parent[way[-1]] = chance.choice(VALUES)
        if isinstance(body, dict) and chance.random() < 0.1:
            body[self._text()] = chance.choice(VALUES)
        data = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        for mark in (json.dumps(MARK).encode(), f'"{MARK}"'.encode()):
            data = data.replace(mark, raw)
        return self._case(operation, f"body {way}", body=data)

    def _whole_body(self, operation: Operation) -> Case:
        return self._case(operation, "whole body", body=self._chance.choice(BODIES))

    def _method(self, operation: Operation) -> Case:
        method = self._chance.choice(METHODS)
        return self._case(Operation(method, operation.path, operation.spec), f"method {method}")

    def _case(
        self,
        operation: Operation,
        name: str,
        *,
        target: bytes | None = None,
        query: bytes | None = None,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | None = None,
    ) -> Case:
        if target is None:
            target = operation.path.format(
                conversation_id=CONVERSATION, message_id=MESSAGE, item_id=MESSAGE, user_id=USER
            ).encode()
        if query is None:
            query = "&".join(f"{k}={v}" for k, v in operation.required().items()).encode()
        if body is None and operation.example is not None:
            body = json.dumps(self._own(operation.example)).encode()
        given = {each.lower() for each, _ in headers or ()}
        lines = [b"%s %s HTTP/1.1" % (operation.method.encode(), target + (b"?" + query if query else b""))]  # fmt: skip
        own = [(b"Host", b"x"), (b"Authorization", b"Bearer " + self._key.encode())]
        if body is not None:
            own.append((b"Content-Type", b"application/json"))
        lines += [b"%s: %s" % pair for pair in own if pair[0].lower() not in given]
        lines += [b"%s: %s" % pair for pair in headers or ()]
        lines.append(b"Content-Length: %d" % len(body or b""))
        self._number += 1
        whole = b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
        return Case(name, operation.method, operation.path, whole)

    def _own(self, example: Any) -> Any:
        """With an id of its own, so that what is right is done, too."""
        if isinstance(example, dict) and "id" in example:
            return example | {"id": f"case_{self._number}"}
        return example
