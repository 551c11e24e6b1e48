"""What may come back, and what may not."""

from collections.abc import Iterable

from tests.hostile.cases import Case
from tests.hostile.client import Hanging, Reply, Wire
from tests.hostile.wire import Situation
from tests.services.http.contract import LEAKS

CANARY = "canary-c0ffee"
"""Stands in all that the first workspace keeps; no other may ever be shown it."""


def wrong_with(reply: Reply | None, *, stranger: bool = False) -> str | None:
    """A fault of the service in an answer, whatever was asked; None for none."""
    if reply is None:
        return "closed without an answer"
    if reply.status >= 500:
        waits = reply.status == 503 and b"retry-after" in reply.headers
        return None if waits else f"{reply.status} {reply.text[:300]}"
    if stranger and CANARY in reply.text + str(reply.headers):
        return f"shows another workspace's: {reply.text[:300]}"
    if reply.status >= 400:
        text = reply.text
        leak = next((leak for leak in LEAKS if leak in text), None)
        if leak is not None:
            return f"leaks {leak!r}: {text[:300]}"
        if b"x-request-id" not in reply.headers:
            return f"no request id: {reply.status} {text[:300]}"
    return None


def wrong_case(wire: Wire, case: Case, *, stranger: bool = False) -> str | None:
    try:
        wrong = wrong_with(wire.ask(case.data, case.method), stranger=stranger)
    except (Hanging, ConnectionError, ValueError) as error:
        wire.close()
        wrong = repr(error)
    return f"{case.method} {case.path}, {case.name}: {wrong}; {case.data[:300]!r}" if wrong else None  # fmt: skip


def broken_by(situation: Situation, address: tuple[str, int]) -> str | None:
    """What went wrong, or None. Every situation ends with a closed connection of ours."""
    with Wire(address) as wire:
        try:
            found = _replies(wire, situation)
        except Hanging as hanging:
            return f"{situation.name}: {hanging}"
        except (ConnectionError, ValueError) as error:
            if situation.closed:
                return None
            return f"{situation.name}: {error!r}"
    if not found:
        return None if situation.closed else f"{situation.name}: closed without an answer"
    faults: Iterable[str | None] = (wrong_with(reply) for reply in found)
    if fault := next(filter(None, faults), None):
        return f"{situation.name}: {fault}"
    for reply, allowed in zip(found, (situation.statuses, *((s,) for s in situation.more)), strict=False):  # fmt: skip
        if reply.status not in (*allowed, 404, 405):  # the latter: it is another process's
            return f"{situation.name}: {reply.status} {reply.text[:200]}"
    if len(found) < situation.replies:
        return f"{situation.name}: {len(found)} answers of {situation.replies}"
    return None


def _replies(wire: Wire, situation: Situation) -> list[Reply]:
    for piece in situation.pieces:
        wire.send(piece)
    if situation.ends:
        wire.end()
    found: list[Reply] = []
    while len(found) < situation.replies:
        reply = wire.reply(situation.method)
        if reply is None:
            break
        found.append(reply)
    return found
