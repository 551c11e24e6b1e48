"""Sends lines to the service: in order, again when it is busy, never twice."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from services.cli.lines import BadLine, ImportLine, Message, parts

PATIENCE = 120.0
"""Seconds for which a service that is busy or gone is tried again."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0


class Stopped(Exception):  # noqa: N818 - names the finding
    """No line can be imported any more; the message says why."""


class Report(msgspec.Struct):
    appended: int
    changed: bool


class ImportClient:
    """Speaks to the API for one import."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        concurrency: int,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
        self._base_url = base_url
        self._origin = base_url.removesuffix("/v1")
        self._sleep = sleep
        self._clock = clock
        self._http = httpx.AsyncClient(
            base_url=base_url, headers=headers, limits=limits, timeout=60, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def check(self) -> str | None:
        """Why nothing can be imported, or None."""
        try:
            answer = await self._http.get("/conversations", params={"limit": 1})
        except httpx.TransportError as error:
            return f"{self._base_url} does not answer ({error or type(error).__name__}); is it running?"
        if answer.status_code in (401, 403, 404):
            return f"{self._base_url}: {message_of(answer)}"
        return None

    async def import_line(self, line: ImportLine) -> Report:
        """Raises BadLine, Stopped."""
        first = line.messages[: line.first_part]
        body = {"id": line.conversation_id, **line.fields, "messages": first}
        answer = await self._post("/conversations", body)
        created = answer.status_code == 201
        if created:
            stored, appended = len(first), len(first)
        elif answer.status_code == 409:
            if line.status == "deleted" and await self._is_deleted(line):
                return Report(0, changed=False)
            stored, appended = await self._stored(line), 0
        else:
            raise BadLine(message_of(answer))
        for part in parts(line.messages[stored:]):
            appended += len(part) if await self._append(line, part) else 0
        await self._mark(line)
        return Report(appended, created or appended > 0)

    async def _is_deleted(self, line: ImportLine) -> bool:
        """Whether it stands as the line leaves it: deleted, with as many messages."""
        params = {"include_deleted": "true", "include_messages": "false"}
        path = f"/conversations/{line.conversation_id}"
        answer = await self._request("GET", path, None, params)
        if answer.status_code != 200:
            return False
        found: dict[str, Any] = answer.json()["data"]
        told = (found["status"], found["message_count"])
        return told == ("deleted", len(line.messages) - len(line.retracted))

    async def _mark(self, line: ImportLine) -> None:
        """Pins, retractions, and what became of the conversation: of an export. What is so already makes no event."""
        one = f"/conversations/{line.conversation_id}"
        items = f"{self._origin}/openai/v1{one}/items"
        changes: list[tuple[str, str, Any]] = [
            ("PATCH", f"{one}/messages/{name}", {"is_pinned": True}) for name in line.pinned
        ]
        changes += [("DELETE", f"{items}/{name}", None) for name in line.retracted]
        if line.status == "archived":
            changes.append(("PATCH", one, {"status": "archived"}))
        if line.status == "deleted":
            changes.append(("DELETE", one, None))
        for method, path, body in changes:
            content = None if body is None else msgspec.json.encode(body)
            answer = await self._request(method, path, content, None)
            if answer.status_code != 200:
                raise BadLine(message_of(answer))

    async def _append(self, line: ImportLine, part: list[Message]) -> bool:
        """Whether they were appended now; False where they stand already, and the same."""
        path = f"/conversations/{line.conversation_id}/messages/batch"
        answer = await self._post(path, {"messages": part})
        if answer.status_code not in (200, 201):
            raise BadLine(message_of(answer))
        return answer.status_code == 201

    async def _stored(self, line: ImportLine) -> int:
        """A conversation of this id exists: how many of the line's messages it has, and only those.

        A number missing among the stored ones is a retracted message: it stays so.
        """
        ids = await self._ids(line)
        for sequence, found in ids.items():
            if sequence <= len(line.messages) and found != line.id_of(sequence):
                raise BadLine(
                    f"conversation {line.conversation_id} exists, with another message {sequence}"
                )
        stored = min(max(ids, default=0), len(line.messages))
        if line.has_own_ids:  # an id made from the content needs no comparison
            standing = [line.messages[sequence - 1] for sequence in ids if sequence <= stored]
            for part in parts(standing):
                await self._append(line, part)
        return stored

    async def _ids(self, line: ImportLine) -> dict[int, str]:
        """Of the conversation's messages by number, as far as the line goes."""
        path = f"/conversations/{line.conversation_id}/messages"
        params = {"limit": "200"}
        ids: dict[int, str] = {}
        while True:
            answer = await self._request("GET", path, None, params)
            if answer.status_code != 200:
                raise BadLine(
                    f"conversation {line.conversation_id} exists, deleted; restore it first"
                )
            page = answer.json()
            ids |= {message["sequence"]: message["id"] for message in page["data"]}
            if not page["has_more"] or len(ids) >= len(line.messages):
                return ids
            params = {"limit": "200", "cursor": page["next_cursor"]}

    async def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self._request("POST", path, msgspec.json.encode(body), None)

    async def _request(
        self, method: str, path: str, body: bytes | None, params: dict[str, str] | None
    ) -> httpx.Response:
        """Again while the service is busy, starting or gone; ids make repeating safe.

        Raises Stopped where going on is pointless, BadLine where only this request is not answered.
        """
        deadline = self._clock() + PATIENCE
        delay = FIRST_DELAY
        while True:
            answer = None
            try:
                answer = await self._http.request(method, path, content=body, params=params)
            except httpx.TransportError as error:
                reason = f"the service does not answer ({error or type(error).__name__})"
            else:
                if answer.status_code in (401, 403):
                    raise Stopped(message_of(answer))
                if answer.status_code not in (429, 503):
                    return answer
                reason = message_of(answer)
            told = _retry_after(answer) if answer is not None else None
            pause = delay if told is None else told
            # A rate limit is no fault: it is waited out for as long as it says.
            limited = answer is not None and answer.status_code == 429
            if not limited and self._clock() + pause > deadline:
                raise Stopped(reason) if answer is None else BadLine(reason)
            await self._sleep(pause)
            delay = min(delay * 2, LONGEST_DELAY)


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds, from either form of the header."""
    given = answer.headers.get("retry-after", "")
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def message_of(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
        message, where = error["message"], error.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {answer.status_code}"
    return f"{message} (at {where})" if where else message
