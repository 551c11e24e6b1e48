"""API keys: their form, their store, and the check of every request.

A key is `vb_<prefix>_<secret><checksum>`: 8, 32 and 6 characters of base 62. The prefix is shown in lists; the
checksum refuses a typo without the database; of the whole, only the SHA-256 is stored (160 random bits
need no slow hash).
"""

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
TRUSTED_SECONDS = 0.5
"""How long a checked key is believed: a revoked one is refused within a second everywhere."""

_SELECT = b"""
SELECT id, workspace, scopes, unlimited, expires_at IS NOT NULL AND expires_at <= now() AS expired
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
    """Checks keys for one process; believes a checked one for TRUSTED_SECONDS."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: dict[str, tuple[Principal | None, float]] = {}

    async def principal(self, key: str) -> Principal | None:
        """Whose key it is; None for one that is malformed, unknown, revoked or expired.

        Raises eventstore.errors.Unavailable.
        """
        known = self._known.get(key)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        if not well_formed(key):
            return None
        rows = await self._connections.fetch(_SELECT, {"hash": hash_of(key)})
        found = None
        if rows and not rows[0][4]:
            key_id, workspace, scopes, unlimited, _ = rows[0]
            found = Principal(key_id, workspace, frozenset(scopes), unlimited)
        if len(self._known) > 10_000:
            self._known.clear()  # bounded; those in use come back at once
        self._known[key] = (found, time.monotonic() + TRUSTED_SECONDS)
        return found


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


def is_valid(connection: Connection, key: str) -> bool:
    """Whether the key would be accepted now."""
    row = connection.execute(
        "SELECT FROM api_keys WHERE hash = %s AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > now())",
        [hash_of(key)],
    ).fetchone()
    return row is not None
