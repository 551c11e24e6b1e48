"""A request's body: read whole, up to what is allowed."""

from collections.abc import Awaitable, Callable

from services.http.door import DRAIN_BYTES
from services.http.errors import ApiError
from services.http.sender import Message

Receive = Callable[[], Awaitable[Message]]


async def read_body(headers: dict[bytes, bytes], receive: Receive, most: int) -> bytes:
    """Raises ApiError: 413 beyond `most` bytes, 400 where the request breaks off."""
    declared = headers.get(b"content-length", b"0")
    too_large = declared.isdigit() and int(declared) > most
    if too_large and headers.get(b"expect", b"").lower() == b"100-continue":
        raise _too_large(most)  # nothing was sent yet: no need to drain
    body = bytearray()
    seen = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "the request broke off; send it again", "incomplete_body")
        chunk: bytes = message.get("body", b"")
        seen += len(chunk)
        too_large = too_large or seen > most
        if too_large:
            body.clear()
        else:
            body += chunk
        if not message.get("more_body", False) or (too_large and seen > DRAIN_BYTES):
            break
    if too_large:
        raise _too_large(most)
    return bytes(body)


def _too_large(limit: int) -> ApiError:
    return ApiError(
        413, f"the body is larger than {limit} bytes; send it in parts", "request_too_large"
    )
