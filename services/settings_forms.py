"""The forms of settings that a type cannot tell: addresses of servers, of networks, of pages."""

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict


class Form(NamedTuple):
    """What a type cannot say of a value; `expected` ends the sentence of an error."""

    expected: str
    fits: Callable[[str], object]


def _is_postgres(url: str) -> bool:
    try:
        return bool(conninfo_to_dict(url))
    except psycopg.ProgrammingError:  # its message would show the password
        return False


POSTGRES = Form("postgresql://user:password@host:port/database", _is_postgres)
NATS = Form(
    "nats://user:password@host:port, several separated by commas",
    re.compile(r"((nats|tls|wss?)://[^\s,]+,?)+").fullmatch,
)


def _are_networks(text: str) -> bool:
    try:
        return bool([ipaddress.ip_network(each) for each in text.split()])
    except ValueError:
        return False


NETWORKS = Form("addresses or networks (10.0.0.0/8), separated by spaces", _are_networks)
ORIGINS = Form(
    "`*`, or origins (https://shop.example), separated by spaces",
    re.compile(r"\s*((\*|null|[a-z][a-z0-9+.-]*://[^\s/,]+)(\s+|$))*").fullmatch,
)
HTTP = Form("http://host:port/v1", re.compile(r"https?://\S+/v1/?").fullmatch)
UPSTREAM = Form("http://host:port/v1", re.compile(r"https?://\S+").fullmatch)
KEY = Form("a key of printable characters without spaces", re.compile(r"[!-~]+").fullmatch)
