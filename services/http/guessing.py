"""Slows down whoever tries keys: refused ones are counted by the address they come from and by the prefix they bear.

A key that was good a short while ago is never held up, whatever others send beside it.
"""

import time
from typing import Any

from services.http.addresses import Addresses
from services.http.errors import ApiError
from services.http.limits import Buckets

PREFIX = len("vb_12345678")


class Guesses:
    """`per_minute` refused keys are answered as such for an address, and for a prefix; 0 is no limit."""

    def __init__(self, per_minute: int, addresses: Addresses | None = None) -> None:
        self._per_minute = per_minute
        self._addresses = addresses or Addresses()
        self._buckets = Buckets()

    def check(self, scope: Any, headers: dict[bytes, bytes], key: str) -> None:
        """Before the key is looked up. Raises ApiError (429)."""
        if not self._per_minute:
            return
        now = time.monotonic()
        for name in self._names(scope, headers, key):
            bucket = self._buckets.known(name)
            if bucket is not None and bucket.refill(now) < 1:
                seconds = bucket.seconds_until(1)
                raise ApiError(
                    429,
                    f"too many refused API keys from here or with this prefix; try again in {seconds} s",
                    "too_many_refused_keys",
                    retry_after=seconds,
                )

    def refused(self, scope: Any, headers: dict[bytes, bytes], key: str) -> None:
        """Count it: also what was asked beside others before the limit was reached."""
        if not self._per_minute:
            return
        now = time.monotonic()
        for name in self._names(scope, headers, key):
            self._buckets.of(name, self._per_minute, now).take(1)

    def _names(self, scope: Any, headers: dict[bytes, bytes], key: str) -> tuple[str, str]:
        return f"address {self._addresses.of(scope, headers)}", f"prefix {key[:PREFIX]}"
