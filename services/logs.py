"""Structured logs: one line an event, no message text, no secrets. Set up once a process."""

import asyncio
import logging
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import msgspec
from typing_extensions import override

from services.settings import Settings

QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "litestar", "httpx", "psycopg", "asyncio")


class JsonFormatter(logging.Formatter):
    """A JSON object a line."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder().encode

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self._encode(line).decode()


class TextFormatter(logging.Formatter):
    """For people: time, level, message, fields."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields: dict[str, Any] = getattr(record, "fields", {})
        tail = "".join(f" {name}={value}" for name, value in fields.items() if value is not None)
        line = f"{moment} {record.levelname.lower():7} {record.getMessage()}{tail}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.StreamHandler[Any]):
    """Takes lines that are made already, too: those of one turn of the event loop go out together."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(JsonFormatter())
        self._held: list[bytes] = []

    def write(self, line: bytes) -> None:
        """On the event loop: a call of the system for each line costs as much as making it (measured)."""
        if not self._held:
            asyncio.get_running_loop().call_soon(self.flush)
        self._held.append(line)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._release()
        super().emit(record)

    @override
    def flush(self) -> None:
        self._release()
        super().flush()

    def _release(self) -> None:
        with self.lock or nullcontext():
            if self._held:
                self._held, held = [], self._held
                self.stream.write(b"\n".join((*held, b"")).decode())


def json_lines() -> JsonLines | None:
    """Where JSON lines go, if logs are that."""
    handlers = logging.getLogger().handlers
    return handlers[0] if handlers and isinstance(handlers[0], JsonLines) else None


def set_up(settings: Settings) -> None:
    """Logs go to standard error."""
    as_text = settings.log_format == "text" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    handler: logging.Handler = logging.StreamHandler(sys.stderr) if as_text else JsonLines()
    if as_text:
        handler.setFormatter(TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
