"""Rate limits: a bucket of tokens for each key and each workspace, in this process."""

import math
import time

import msgspec

from services.http.errors import ApiError
from services.http.keys import Principal

UNLIMITED = 1_000_000_000
"""What a key without a limit is told it has."""
MOST_BUCKETS = 50_000


class Allowance(msgspec.Struct, frozen=True):
    """What is left of a limit; `reset` is when it is whole again, in Unix seconds."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
        ]


class Bucket:
    """Holds at most a minute's tokens; refills steadily."""

    __slots__ = ("_at", "_limit", "_tokens")

    def __init__(self, limit: int, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit)
        self._at = now

    def refill(self, now: float) -> float:
        """The tokens there are now."""
        gained = (now - self._at) * self._limit / 60
        self._tokens = min(float(self._limit), self._tokens + max(0.0, gained))
        self._at = now
        return self._tokens

    def due(self, cost: int, paid: int) -> int:
        """What of it is to be taken yet: a whole bucket is enough for anything."""
        return max(0, min(cost, self._limit) - paid)

    def take(self, cost: int) -> None:
        self._tokens -= cost

    def seconds_until(self, cost: int) -> int:
        """Whole seconds until there are `cost` tokens, or as many as there can be."""
        wanted = min(cost, self._limit)
        return max(1, math.ceil((wanted - self._tokens) * 60 / self._limit))

    def allowance(self, wall: float) -> Allowance:
        missing = self._limit - self._tokens
        reset = math.ceil(wall + missing * 60 / self._limit)
        return Allowance(self._limit, max(0, int(self._tokens)), reset)


class Buckets:
    """By name; never more than MOST_BUCKETS."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def known(self, name: str) -> Bucket | None:
        return self._buckets.get(name)

    def of(self, name: str, limit: int, now: float) -> Bucket:
        """A whole one where there was none."""
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._forget(now)
            self._buckets[name] = bucket = Bucket(limit, now)
        return bucket

    def _forget(self, now: float) -> None:
        """Whole buckets are as good as new ones; if all are in use, all begin anew."""
        used = {
            name: bucket
            for name, bucket in self._buckets.items()
            if bucket.refill(now) < bucket.allowance(0).limit
        }
        self._buckets = used if len(used) < MOST_BUCKETS else {}


class Limiter:
    """`per_key` and `per_workspace` are costs a minute; 0 is no limit.

    A read or a write costs 1; what costs more says so in its description. What costs more than a limit costs all
    of it: else it could never be asked for.
    """

    def __init__(self, *, per_key: int, per_workspace: int) -> None:
        self._per_key = per_key
        self._per_workspace = per_workspace
        self._buckets = Buckets()

    def charge(
        self, principal: Principal, cost: int, paid: int = 0
    ) -> tuple[Allowance, ApiError | None]:
        """What is left of the tighter limit, and the refusal (429) where it does not suffice.

        `paid` of the cost was charged before; whoever was refused comes again and pays it all.
        """
        now, wall = time.monotonic(), time.time()
        if principal.unlimited:
            return Allowance(UNLIMITED, UNLIMITED, int(wall)), None
        buckets = self._of(principal, now)
        if not buckets:
            return Allowance(UNLIMITED, UNLIMITED, int(wall)), None
        tightest = min(buckets, key=lambda bucket: bucket.refill(now))
        if any(bucket.refill(now) < bucket.due(cost, paid) for bucket in buckets):
            seconds = max(bucket.seconds_until(cost) for bucket in buckets)
            return tightest.allowance(wall), _refused(seconds)
        for bucket in buckets:
            bucket.take(bucket.due(cost, paid))
        return tightest.allowance(wall), None

    def _of(self, principal: Principal, now: float) -> list[Bucket]:
        wanted = [(principal.key_id, self._per_key), (principal.workspace, self._per_workspace)]
        return [self._buckets.of(name, limit, now) for name, limit in wanted if limit]


def _refused(seconds: int) -> ApiError:
    return ApiError(
        429,
        f"too many requests with this key or in its workspace; try again in {seconds} s",
        "rate_limit_exceeded",
        retry_after=seconds,
    )
