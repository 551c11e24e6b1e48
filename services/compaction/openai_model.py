"""Any OpenAI-compatible endpoint, named in the settings and nowhere else, as the model that summarises."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import httpx
import msgspec

from domain.summaries import Summarizer
from services.compaction.writing import SummarizerFailed, SummarizerTooSlow, SummaryError
from services.outbound import checked_transport

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses after which another try may go well."""
MOST_BYTES = 4 << 20
"""Of an answer."""
LONGEST_PAUSE = 5.0


class Endpoint(msgspec.Struct, frozen=True):
    base_url: str
    """With /v1."""
    api_key: str
    model: str
    timeout: float
    """Seconds for one answer."""
    retries: int
    chunk_tokens: int
    private: bool = True
    """Whether it may be on this machine or in a private network."""


class OpenAIModel:
    """One a process. No redirects are followed: the key would go along."""

    def __init__(
        self, endpoint: Endpoint, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._endpoint = endpoint
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.AsyncClient(
            base_url=endpoint.base_url.rstrip("/") + "/",
            headers=headers,
            timeout=endpoint.timeout,
            follow_redirects=False,
            trust_env=False,
            transport=transport or checked_transport(private=endpoint.private),
        )

    @property
    def summarizer(self) -> Summarizer:
        return Summarizer("openai", "1", self._endpoint.model)

    @property
    def name(self) -> str:
        return self._endpoint.model

    @property
    def chunk_tokens(self) -> int:
        return self._endpoint.chunk_tokens

    async def close(self) -> None:
        await self._client.aclose()

    async def complete(self, system: str, text: str, max_tokens: int) -> str | None:
        """Raises SummarizerFailed, SummarizerTooSlow."""
        body = {
            "model": self._endpoint.model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": text},
            ],
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        for attempt in range(self._endpoint.retries + 1):
            try:
                async with asyncio.timeout(self._endpoint.timeout):
                    status, answer, pause = await self._send(body)
            except (TimeoutError, httpx.TimeoutException):
                error: SummaryError = SummarizerTooSlow(
                    f"the summariser did not answer in {self._endpoint.timeout:g} s"
                )
                pause = 0.0
            except httpx.HTTPError as broken:
                error = SummarizerFailed(
                    f"the summariser cannot be reached: {type(broken).__name__}"
                )
                pause = 0.0
            else:
                if status == 200:
                    return _content(answer)
                error = SummarizerFailed(f"the summariser answered {status}")
                if status not in AGAIN:
                    raise error
            if attempt == self._endpoint.retries:
                raise error
            await asyncio.sleep(min(LONGEST_PAUSE, max(pause, _backoff(attempt))))
        raise AssertionError("the last attempt raises")

    async def _send(self, body: dict[str, Any]) -> tuple[int, bytes, float]:
        """Status, body, and how long the other side asks to wait."""
        async with self._client.stream("POST", "chat/completions", json=body) as response:
            answer = bytearray()
            async for part in response.aiter_bytes():
                answer += part
                if len(answer) > MOST_BYTES:
                    raise SummarizerFailed("the summariser's answer is far too large")
            pause = 0.0
            with suppress(ValueError):
                pause = float(response.headers.get("retry-after", "0"))
            return response.status_code, bytes(answer), pause


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]


def _content(answer: bytes) -> str | None:
    try:
        choice = msgspec.json.decode(answer, type=_Answer).choices[0]
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        raise SummarizerFailed("the summariser's answer is no chat completion") from None
    if choice.finish_reason == "length":
        raise SummarizerFailed("the summariser's answer was cut off")
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        raise SummarizerFailed("the summariser refused")
    return choice.message.content


def _backoff(attempt: int) -> float:
    return 0.25 * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - only spreads the load
