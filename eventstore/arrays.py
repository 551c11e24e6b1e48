"""Columns of a batch as PostgreSQL's binary arrays.

psycopg's own way for lists looks at every element's type and asks a dumper for each. Here a column's type is known: a batch of
eight keyed commands is ready in 32 µs instead of 63 (measured).
"""

import struct
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format
from typing_extensions import override

_HEAD = struct.Struct(
    ">iiIii"
).pack  # dimensions, whether there are nulls, element type, length, lower bound
_EMPTY = struct.Struct(">iiI").pack
_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)
_BIGINT = struct.Struct(">iq").pack

TEXT, TEXTS = 25, 1009
BYTEA, BYTEAS = 17, 1001
BIGINT, BIGINTS = 20, 1016
"""Types and the types of their arrays, as in pg_type."""


class Array:
    """Ready to be sent; one subclass a type of element."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Texts(Array):
    __slots__ = ()


class Byteas(Array):
    __slots__ = ()


class Bigints(Array):
    __slots__ = ()


def texts(values: Sequence[str | None]) -> Texts:
    return Texts(_variable(TEXT, [None if value is None else value.encode() for value in values]))


def byteas(values: Sequence[bytes | None]) -> Byteas:
    return Byteas(_variable(BYTEA, values))


def bigints(values: Sequence[int]) -> Bigints:
    if not values:
        return Bigints(_EMPTY(0, 0, BIGINT))
    items = [_BIGINT(8, value) for value in values]
    return Bigints(_HEAD(1, 0, BIGINT, len(values), 1) + b"".join(items))


def _variable(kind: int, values: Sequence[bytes | None]) -> bytes:
    if not values:
        return _EMPTY(0, 0, kind)
    parts = [_HEAD(1, int(None in values), kind, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_LENGTH(len(value)), value)
    return b"".join(parts)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    @override
    def dump(self, obj: Array) -> bytes:
        return obj.data


class _TextsDumper(_ArrayDumper):
    oid = TEXTS


class _ByteasDumper(_ArrayDumper):
    oid = BYTEAS


class _BigintsDumper(_ArrayDumper):
    oid = BIGINTS


_DUMPERS: dict[type[Any], type[Dumper]] = {
    Texts: _TextsDumper,
    Byteas: _ByteasDumper,
    Bigints: _BigintsDumper,
}


def teach(connection: AsyncConnection[Any]) -> None:
    """Let a connection send these."""
    for kind, dumper in _DUMPERS.items():
        connection.adapters.register_dumper(kind, dumper)
