"""Whether a process lives, and whether it can serve."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from eventstore.errors import EventStoreError
from services.http.endpoint import Answer
from services.http.pages import Page

Check = Callable[[], Awaitable[dict[str, Any]]]
"""Figures of a part that works; raises EventStoreError for one that does not."""


def health_pages(checks: dict[str, Check], version: str) -> list[Page]:
    async def live(path: dict[str, Any]) -> Answer:
        del path
        return Answer(b'{"status":"ok"}')

    async def ready(path: dict[str, Any]) -> Answer:
        del path
        found: dict[str, Any] = {}
        well = True
        for name, check in checks.items():
            try:
                found[name] = {"status": "ok", **await check()}
            except EventStoreError as error:
                well = False
                found[name] = {"status": "failing", "message": str(error)}
        body = msgspec.json.encode({"status": "ok" if well else "failing", "checks": found})
        return Answer(body) if well else Answer(body, 503, [(b"retry-after", b"1")])

    async def tell_version(path: dict[str, Any]) -> Answer:
        del path
        return Answer(msgspec.json.encode({"name": "verbatim", "version": version}))

    return [
        Page("/health/live", live, "Whether the process lives"),
        Page("/health/ready", ready, "Whether it can serve", statuses=(200, 503)),
        Page("/version", tell_version, "Which version runs"),
    ]
