"""Cross-origin requests, for the `widget` source: pages of the given origins may call from a browser."""

from collections.abc import Sequence

from litestar.config.cors import CORSConfig

from services.http.endpoint import Headers

EXPOSED = [
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Retry-After",
    "X-Conversation-Id",
    "X-Event-Position",
    "X-Projection-Position",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
    "X-Should-Retry",
]


class Cors:
    """Says what the edge adds to an answer. The rules are Litestar's; its middleware sits behind the edge, where the
    edge's own refusals would leave without these headers.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._config = CORSConfig(
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
            max_age=600,
        )
        self._simple = _bytes(self._config.simple_headers)
        own = (b"access-control-max-age", b"access-control-allow-methods")
        self._preflight = [p for p in _bytes(self._config.preflight_headers) if p[0] in own]

    def simple(self, origin: bytes) -> Headers:
        """For any answer to a page of this origin."""
        return [*self._simple, *self._origin(origin)]

    def preflight(self, headers: dict[bytes, bytes]) -> Headers | None:
        """Beside `simple`, for a browser that asks beforehand; None where this is no such question."""
        if b"access-control-request-method" not in headers:
            return None
        asked = headers.get(b"access-control-request-headers", b"")
        # A `*` would not cover Authorization.
        allowed = [(b"access-control-allow-headers", asked)] if asked else []
        return [*self._preflight, *allowed]

    def _origin(self, origin: bytes) -> Headers:
        if self._config.is_allow_all_origins:
            return []
        vary = (b"vary", b"origin")
        if not self._config.is_origin_allowed(origin.decode("latin-1")):
            return [vary]
        return [(b"access-control-allow-origin", origin), vary]


def _bytes(headers: dict[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
