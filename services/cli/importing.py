"""Sends lines to the service: in order, again when it is busy, never twice."""

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from services.cli.lines import BadLine, ImportLine

PATIENCE = 120.0
"""Seconds for which a service that is busy or gone is tried again."""


class Report(msgspec.Struct):
    appended: int
    changed: bool


class ImportClient:
    """Speaks to the API for one import."""

    def __init__(self, base_url: str, api_key: str, concurrency: int) -> None:
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
        self._base_url = base_url
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
            return f"{self._base_url}: {_message(answer)}"
        return None

    async def import_line(self, line: ImportLine) -> Report:
        """Raises BadLine."""
        parts = line.parts or [[]]
        body = {"id": line.conversation_id, **line.fields, "messages": parts[0]}
        answer = await self._post("/conversations", body)
        created = answer.status_code == 201
        appended = len(parts[0]) if created else 0
        if answer.status_code == 409:
            await self._check_ours(line)
        elif not created:
            raise BadLine(_message(answer))
        for part in parts[1:]:
            path = f"/conversations/{line.conversation_id}/messages/batch"
            answer = await self._post(path, {"messages": part})
            if answer.status_code not in (200, 201):
                raise BadLine(_message(answer))
            appended += len(part) if answer.status_code == 201 else 0
        return Report(appended, created or appended > 0)

    async def _check_ours(self, line: ImportLine) -> None:
        """A conversation of this id exists: is it this one, from an earlier import?"""
        path = f"/conversations/{line.conversation_id}/messages"
        answer = await self._request("GET", path, None, {"limit": "1"})
        if answer.status_code != 200:
            raise BadLine(f"conversation {line.conversation_id} exists, deleted: restore it first")
        first = answer.json()["data"]
        expected = line.first_message_id
        found = msgspec.json.encode(first[0]["id"]) if first else None
        if found != (bytes(expected) if expected is not None else None):
            raise BadLine(f"another conversation has the id {line.conversation_id}")

    async def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self._request("POST", path, msgspec.json.encode(body), None)

    async def _request(
        self, method: str, path: str, body: bytes | None, params: dict[str, str] | None
    ) -> httpx.Response:
        """Again while the service is busy (429, 503), starting or gone; ids make repeating safe."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        delay = 0.1
        while True:
            answer: httpx.Response | None = None
            try:
                answer = await self._http.request(method, path, content=body, params=params)
                if answer.status_code not in (429, 503):
                    return answer
                reason = _message(answer)
                delay = _retry_after(answer, delay)
            except httpx.TransportError as error:
                reason = f"the service does not answer ({error or type(error).__name__})"
            if asyncio.get_running_loop().time() + delay > deadline:
                raise BadLine(reason)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    given = answer.headers.get("retry-after", "")
    return float(given) if given.isdigit() else otherwise


def _message(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
    where = f" (at {error['param']})" if error.get("param") else ""
    return f"{error['message']}{where}"
