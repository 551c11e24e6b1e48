"""Whoever tries keys is slowed down, nobody else is."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.http import keys
from services.http.addresses import Addresses
from services.http.errors import ApiError
from services.http.guessing import Guesses
from tests.services.support import Api, new_key, refused, serving


@pytest.fixture(scope="module")
def address(api: Api) -> Iterator[str]:
    with serving(
        api.database.service, ("query",), refused_keys=5, trusted_proxies="127.0.0.0/8"
    ) as address:
        yield address


def at(address: str) -> dict[str, Any]:
    return {"client": (address, 1)}


def ask(address: str, key: str, client: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": f"6.6.6.6, {client}"}
    return httpx.get(f"{address}/v1/conversations", headers=headers)


def statuses(address: str, client: str, count: int) -> list[int]:
    return [ask(address, keys.make_key(), client).status_code for _ in range(count)]


def test_one_address_is_slowed_and_others_are_not(api: Api, address: str) -> None:
    assert ask(address, api.key, "192.0.2.1").status_code == 200
    assert statuses(address, "192.0.2.1", 7) == [401] * 5 + [429] * 2
    error = refused(ask(address, keys.make_key(), "192.0.2.1"), 429, "too_many_refused_keys")
    assert "try again in" in error["message"]
    again = ask(address, keys.make_key(), "192.0.2.1")
    assert 1 <= int(again.headers["retry-after"]) <= 12
    # Who was known before goes on, from there too; others are not concerned.
    assert ask(address, api.key, "192.0.2.1").status_code == 200
    assert ask(address, new_key(api.database.service), "192.0.2.2").status_code == 200
    assert statuses(address, "192.0.2.3", 1) == [401]


def test_a_prefix_is_slowed_from_all_addresses(api: Api, address: str) -> None:
    good = new_key(api.database.service)
    assert ask(address, good, "192.0.2.9").status_code == 200
    found = []
    for n in range(8):
        key = f"{good[:11]}_{keys.make_key()[12:44]}"
        key += keys._checksum(key[3:11], key[12:44])
        assert keys.well_formed(key)
        found.append(ask(address, key, f"198.51.100.{n}").status_code)
    assert found == [401] * 5 + [429] * 3
    assert ask(address, good, "203.0.113.1").status_code == 200


def test_no_key_is_no_guess_but_a_malformed_one_is(address: str) -> None:
    for header in ("", "Bearer", "Basic x"):
        for _ in range(10):
            got = httpx.get(f"{address}/v1/conversations", headers={"Authorization": header})
            assert got.status_code == 401
    malformed = [ask(address, "vb_x", "192.0.2.20").status_code for _ in range(7)]
    assert malformed == [401] * 5 + [429] * 2


def test_without_a_limit(api: Api) -> None:
    with serving(api.database.service, ("query",), refused_keys=0) as address:
        assert statuses(address, "192.0.2.1", 30) == [401] * 30


def test_time_heals(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    guesses = Guesses(6)
    for _ in range(6):
        guesses.check(at("a"), {}, "vb_12345678_x")
        guesses.refused(at("a"), {}, "vb_12345678_x")
    with pytest.raises(ApiError):
        guesses.check(at("a"), {}, "other")
    with pytest.raises(ApiError):
        guesses.check(at("b"), {}, "vb_12345678_y")
    guesses.check(at("b"), {}, "other")
    now[0] += 10
    guesses.check(at("a"), {}, "other")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.http.limits.MOST_BUCKETS", 100)
    guesses = Guesses(5)
    for number in range(1_000):
        guesses.refused(at(f"address {number}"), {}, f"vb_{number:08}_x")
    assert len(guesses._buckets) <= 100


@pytest.mark.parametrize(
    ("peer", "told", "expected"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "6.6.6.6", "192.0.2.1"),  # no proxy of ours: what it says is not believed
        ("10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
    ],
)
def test_addresses(peer: str, told: str, expected: str) -> None:
    headers = {b"x-forwarded-for": told.encode()} if told else {}
    assert Addresses(["10.0.0.0/8"]).of({"client": (peer, 1)}, headers) == expected


def test_only_hashes_are_kept(api: Api) -> None:
    """What a process keeps of keys cannot be used as one, and keys are not compared with themselves."""
    ring = keys.KeyRing(None)  # type: ignore[arg-type]
    assert ring._known == {}
    key = keys.make_key()
    ring._known[keys.hash_of(key)] = (keys.Principal("k", "w", frozenset(), unlimited=True), 0.0)
    assert ring.was_good(key)
    assert not ring.was_good(key[:-1] + ("a" if key[-1] != "a" else "b"))
