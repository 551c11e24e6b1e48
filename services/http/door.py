"""What is decided of a request before anything is made for it: whether it is begun.

A refusal is bytes that lie ready: it must cost a small part of what it refuses.
"""

import itertools
import re
import secrets
from collections.abc import Sequence

from services.http.errors import ApiError, render
from services.http.overload import Load

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
MOST_CONNECTIONS = 4_000
"""That a process answers on; those past it are answered 503 and closed."""
IN_WORK = "verbatim.in_work"
"""The key in the ASGI scope of a request that counts in the process's load already."""
WHOLE = "verbatim.whole"
"""The key in the ASGI scope of a request whose body is here."""
DRAIN_BYTES = 8 << 20
"""How much of a refused request's body is read, so that its connection stays of use."""
_MARK = "0123456789abcdef"


def too_busy() -> ApiError:
    return ApiError(
        503, "the service is busy; send the request again shortly", "overloaded", retry_after=1
    )


class Door:
    """One a process. `open_paths` are the beginnings of those that are always answered; `cors` says whether browsers may call."""

    def __init__(
        self,
        load: Load,
        open_paths: Sequence[str] = (),
        *,
        cors: bool = False,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self.load = load
        self.cors = cors
        self.most_connections = most_connections
        self._open = tuple(open_paths)
        self._open_raw = tuple(path.encode() for path in open_paths)
        self._own = f"req_{secrets.token_hex(8)}".encode()
        self._numbers = itertools.count()
        body, headers = render(too_busy(), _MARK)
        self._before, self._after = body.split(_MARK.encode())
        self._length = len(self._before) + len(self._after)
        self._head = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        self._lines = b""
        self._made_of: object = None

    def is_open(self, path: str) -> bool:
        """Whether it is answered in any case, and without a key."""
        return path.startswith(self._open)

    def is_open_raw(self, target: bytes) -> bool:
        """The same of a request's target as it came; where in doubt it is."""
        return not target.startswith(b"/") or target.startswith(self._open_raw)

    def refusal(
        self,
        headers: Sequence[tuple[bytes, bytes]],
        default_headers: Sequence[tuple[bytes, bytes]],
        *,
        whole: bool,
        close: bool,
    ) -> bytes:
        """The answer as it goes out, for a request of these headers; `whole`: with its body."""
        self.load.refuse()
        if default_headers is not self._made_of:  # a list anew, once a second
            self._made_of = default_headers
            lines = b"".join(b"%s: %s\r\n" % pair for pair in default_headers)
            self._lines = b"HTTP/1.1 503 Service Unavailable\r\n" + lines + self._head
        request_id = b""
        for name, value in headers:
            if name == b"x-request-id":
                request_id = value
        if not request_id or REQUEST_ID.fullmatch(request_id) is None:
            request_id = b"%s%016x" % (self._own, next(self._numbers))
        return b"%scontent-length: %d\r\nx-request-id: %s\r\n%s\r\n%s" % (
            self._lines,
            self._length + len(request_id),
            request_id,
            b"connection: close\r\n" if close else b"",
            b"%s%s%s" % (self._before, request_id, self._after) if whole else b"",
        )
