"""API keys: their form, their store, and the check of every request.

A key is `vb_<prefix>_<secret><checksum>`: 8, 32 and 6 characters of base 62. The prefix is shown in lists; the
checksum refuses a typo without the database; of the whole, only the SHA-256 is stored (160 random bits
need no slow hash).
"""

import asyncio
import hmac
import re
import secrets
import string
import time
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from zlib import crc32

import msgspec

from eventstore.connect import Connection
from eventstore.reader import Connections

Scope = Literal["read", "write", "export"]
SCOPES: tuple[Scope, ...] = ("read", "write", "export")

ALPHABET = string.digits + string.ascii_letters
FORM = re.compile(r"vb_[0-9A-Za-z]{8}_([0-9A-Za-z]{32})([0-9A-Za-z]{6})")
FRESH_SECONDS, TRUSTED_SECONDS = 0.4, 0.8
"""How long a checked key is believed, and from when on it is looked at again: a revoked one is refused within a second
everywhere."""
_NEVER = (None, float("-inf"))

_SELECT = b"""
SELECT id, workspace, scopes, unlimited, expires_at IS NOT NULL AND expires_at <= now() AS expired, hash
  FROM api_keys WHERE hash = %(hash)s AND revoked_at IS NULL
"""


class Principal(msgspec.Struct, frozen=True):
    """On whose behalf a request is made."""

    key_id: str
    workspace: str
    scopes: frozenset[str]
    unlimited: bool
    """No rate limit."""


class KeyRecord(msgspec.Struct, frozen=True):
    """A key as listed: without its secret, which nobody can read again."""

    id: str
    workspace: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def make_key() -> str:
    prefix, secret = (
        "".join(secrets.choice(ALPHABET) for _ in range(length)) for length in (8, 32)
    )
    return f"vb_{prefix}_{secret}{_checksum(prefix, secret)}"


def _checksum(prefix: str, secret: str) -> str:
    number = crc32(f"{prefix}{secret}".encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits += ALPHABET[digit]
    return digits


def well_formed(key: str) -> bool:
    found = FORM.fullmatch(key)
    return found is not None and _checksum(key[3:11], found[1]) == found[2]


def hash_of(key: str) -> bytes:
    return sha256(key.encode()).digest()


class KeyRing:
    """Checks keys for one process.

    A checked key is believed for TRUSTED_SECONDS; in the last of them one look at the database renews it, on nobody's
    time. However many requests come with a key, one look at a time is made for it. Nothing is ever compared with a key
    itself, only with its hash: how long it takes tells nothing of how much was guessed right.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: dict[bytes, tuple[Principal | None, float]] = {}
        """Whose key it is, and when that was looked up."""
        self._looks: dict[bytes, asyncio.Task[Principal | None]] = {}

    async def principal(self, key: str) -> Principal | None:
        """Whose key it is; None for one that is malformed, unknown, revoked or expired.

        Raises eventstore.errors.Unavailable.
        """
        hashed = hash_of(key)
        found, age = self._believed(hashed)
        if age < FRESH_SECONDS:
            return found
        if not well_formed(key):
            return None
        look = self._begin_look(hashed)
        return found if age < TRUSTED_SECONDS else await asyncio.shield(look)

    def believed(self, key: str) -> Principal | None:
        """As `principal`, where nobody has to wait for it; else None."""
        hashed = hash_of(key)
        found, age = self._believed(hashed)
        if found is None or age >= TRUSTED_SECONDS:
            return None
        if age >= FRESH_SECONDS:
            self._begin_look(hashed)
        return found

    def _believed(self, hashed: bytes) -> tuple[Principal | None, float]:
        """What is known of it, and for how long."""
        found, looked_up = self._known.get(hashed, _NEVER)
        return found, time.monotonic() - looked_up

    def _begin_look(self, hashed: bytes) -> asyncio.Task[Principal | None]:
        look = self._looks.get(hashed)
        if look is None:
            self._looks[hashed] = look = asyncio.create_task(self._look(hashed))
            look.add_done_callback(_seen)
        return look

    def was_good(self, key: str) -> bool:
        """Whether it was, when it was looked up last."""
        return self._known.get(hash_of(key), _NEVER)[0] is not None

    async def _look(self, hashed: bytes) -> Principal | None:
        now = time.monotonic()
        found = None
        try:
            rows = await self._connections.fetch(_SELECT, {"hash": hashed})
        finally:
            del self._looks[hashed]
        if rows and not rows[0][4] and hmac.compare_digest(rows[0][5], hashed):
            key_id, workspace, scopes, unlimited, *_ = rows[0]
            found = Principal(key_id, workspace, frozenset(scopes), unlimited)
        if len(self._known) > 10_000:
            self._known.clear()  # bounded; those in use come back at once
        self._known[hashed] = (found, now)
        return found


def _seen(look: asyncio.Task[Principal | None]) -> None:
    """A look that failed concerns whoever waits for it; where nobody does, the next request looks again."""
    if not look.cancelled():
        look.exception()


def create(
    connection: Connection,
    *,
    workspace: str,
    name: str,
    scopes: list[Scope],
    expires_at: datetime | None = None,
    unlimited: bool = False,
) -> tuple[str, KeyRecord]:
    """A new key and its record. This is the only time the key is seen."""
    key = make_key()
    key_id = f"key_{secrets.token_hex(8)}"
    connection.execute(
        "INSERT INTO api_keys (id, workspace, name, prefix, hash, scopes, unlimited, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [key_id, workspace, name, key[:11], hash_of(key), scopes, unlimited, expires_at],
    )
    return key, next(record for record in listed(connection) if record.id == key_id)


def listed(connection: Connection, workspace: str | None = None) -> list[KeyRecord]:
    """All keys, or a workspace's, oldest first; revoked and expired ones too."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT id, workspace, name, prefix, scopes, created_at, expires_at, revoked_at FROM api_keys"
        " WHERE %(workspace)s::text IS NULL OR workspace = %(workspace)s ORDER BY created_at, id",
        {"workspace": workspace},
    ).fetchall()
    return [KeyRecord(*row) for row in rows]


def revoke(connection: Connection, key_id: str) -> bool:
    """Whether there is such a key; revoking it again changes nothing."""
    connection.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL", [key_id]
    )
    row = connection.execute("SELECT FROM api_keys WHERE id = %s", [key_id]).fetchone()
    return row is not None


class KeyEvent(msgspec.Struct, frozen=True):
    """What happened to a key; `login` is the database login that did it."""

    at: datetime
    key_id: str
    workspace: str
    action: Literal["created", "revoked", "expired"]
    login: str


def audit(connection: Connection, workspace: str | None = None) -> list[KeyEvent]:
    """What happened to all keys, or a workspace's, in order."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT at, key_id, workspace, action, login FROM key_audit"
        " WHERE %(workspace)s::text IS NULL OR workspace = %(workspace)s ORDER BY number",
        {"workspace": workspace},
    ).fetchall()
    return [KeyEvent(*row) for row in rows]


def record_expired(connection: Connection) -> None:
    """Note keys that have expired by now; command services do it every minute."""
    connection.execute("SELECT record_expired_keys()")


def opens_all(connection: Connection, key: str, workspace: str) -> bool:
    """Whether the key would be accepted now, for all of the workspace and without a rate limit."""
    row = connection.execute(
        "SELECT FROM api_keys WHERE hash = %s AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > now())"
        " AND workspace = %s AND scopes @> %s AND unlimited",
        [hash_of(key), workspace, list(SCOPES)],
    ).fetchone()
    return row is not None
