"""One log line a request: no text of the caller's but the path, no secret.

Where logs go out as JSON the line is made here: a record of the logging module costs more than all of the line's
content (measured: 25 µs of an append's 140). Elsewhere it is an ordinary record.
"""

import logging
from datetime import UTC, datetime

import msgspec

from services import logs
from services.http.sender import RequestState

_NAME = "verbatim.access"
log = logging.getLogger(_NAME)


class _Line(msgspec.Struct):
    time: datetime
    level: str
    logger: str
    message: str
    ms: float
    request_id: str
    key_id: str | None
    workspace: str | None


_encode = msgspec.json.Encoder().encode


def log_request(state: RequestState, path: str, seconds: float) -> None:
    """Errors of ours at the level `error`, all else at `info`."""
    level = logging.ERROR if state.status >= 500 and state.status != 503 else logging.INFO
    if not log.isEnabledFor(level):
        return
    principal = state.principal
    line = _Line(
        datetime.now(UTC),
        "info" if level == logging.INFO else "error",
        _NAME,
        f"{state.method} {ascii(path)[1:-1][:300]} {state.status}",
        round(seconds * 1_000, 2),
        state.request_id,
        *((None, None) if principal is None else (principal.key_id, principal.workspace)),
    )
    lines = logs.json_lines()
    if lines is not None:
        lines.write(_encode(line))
        return
    fields = msgspec.structs.asdict(line)
    message = fields.pop("message")
    for name in ("time", "level", "logger"):
        del fields[name]
    log.log(level, "%s", message, extra={"fields": fields})
