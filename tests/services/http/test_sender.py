"""Where compression begins, and what becomes of an answer that was begun and not sent."""

from typing import Any

import pytest

from services.http.errors import bad_request
from services.http.sender import RequestState, Sender


async def sent(
    kind: bytes, parts: list[bytes], accept: bytes = b"gzip"
) -> tuple[dict[bytes, bytes], list[bytes]]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    state = RequestState("req", "GET", {b"accept-encoding": accept})
    sender = Sender(send, state, silent=False)
    await sender(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
    )
    for number, part in enumerate(parts, 1):
        await sender({"type": "http.response.body", "body": part, "more_body": number < len(parts)})
    start, *bodies = messages
    assert [b.get("more_body", False) for b in bodies] == [True] * (len(parts) - 1) + [False]
    return dict(start["headers"]), [b["body"] for b in bodies]


@pytest.mark.parametrize(("size", "packed"), [(1_024, False), (1_025, True)])
async def test_over_a_kilobyte(size: int, packed: bool) -> None:
    headers, (body,) = await sent(b"application/json", [b"x" * size])
    assert (b"content-encoding" in headers) is packed
    assert (len(body) < size) is packed


async def test_an_error_before_the_first_part_is_told() -> None:
    """The start was held until then."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    sender = Sender(send, RequestState("req", "GET", {b"accept-encoding": b"gzip"}), silent=False)
    head = {"type": "http.response.start", "status": 200}
    await sender({**head, "headers": [(b"content-type", b"application/json")]})
    await sender.error(bad_request("no"))
    assert [m.get("status") for m in messages] == [400, None]
    await sender.error(bad_request("too late"))
    assert len(messages) == 2
