"""How an invariant says that it is broken."""

from domain.compaction.entries import Group


class Broken(AssertionError):  # noqa: N818 - names the finding
    pass


def must(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def sequences(groups: list[Group]) -> list[int]:
    return sorted(entry.sequence for group in groups for entry in group.entries)
