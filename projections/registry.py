"""The read models there are, and which of them go together.

A further read model is a module of its own with its statements in `sql/`: a class as `read_model.ReadModel` says,
and a line in `GROUPS`. It joins `core` where one answer needs it at the same position as the others; it has a group of
its own where it is slow, so that it holds nobody up. Runners, rebuild, verify, retry, status, health, metrics and
`verbatim dev` go by this table; there is nothing else to register.
"""

import hashlib
from collections.abc import Callable

import msgspec

from projections.conversations import Conversations
from projections.messages import Messages
from projections.queries import LIVE
from projections.read_model import Proof, ReadModel
from projections.search.read_model import Search
from projections.stats import Stats
from projections.stats_proof import StatsProof
from projections.summaries import Summaries

Maker = Callable[[str], ReadModel]
"""From the schema that holds the tables."""


class Group(msgspec.Struct, frozen=True):
    """Read models that one runner keeps in one transaction; `name` is what `verbatim projections run` is told."""

    name: str
    makers: tuple[Maker, ...]

    def models(self, schema: str = LIVE) -> list[ReadModel]:
        return [make(schema) for make in self.makers]

    @property
    def names(self) -> list[str]:
        """Of its read models."""
        return [model.name for model in self.models()]

    @property
    def lock(self) -> int:
        """The advisory lock of the runner that applies; others stand by."""
        digest = hashlib.blake2b(f"verbatim projections {self.name}".encode(), digest_size=8)
        return int.from_bytes(digest.digest(), "big", signed=True)


GROUPS = (Group("core", (Conversations, Messages, Stats, Summaries)), Group("search", (Search,)))
NAMES = [name for group in GROUPS for name in group.names]

PROOFS: dict[str, Callable[[str], Proof]] = {"stats.v1": StatsProof}
"""Read models that are verified by another program; all others by a replay through their own."""


def group_of(name: str) -> Group:
    """The group of a read model. Raises KeyError for an unknown name."""
    return {one: group for group in GROUPS for one in group.names}[name]


def read_model(name: str, schema: str = LIVE) -> ReadModel:
    """Raises KeyError for an unknown name."""
    return next(model for model in group_of(name).models(schema) if model.name == name)
