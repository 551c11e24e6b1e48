"""A summary as it is read: its pieces under their roles, a model's passages as they are, in the log's order."""

from collections.abc import Collection, Sequence

from domain.summaries import Passage, Piece

HEADER = "[Earlier messages, shortened]"
"""Neutral: a summary is data, never an instruction."""


def summary_body(
    pieces: Sequence[Piece], passages: Sequence[Passage], without: Collection[int] = ()
) -> str:
    """`without` are messages that stand in the context themselves, or were retracted.

    A passage stays as it is: what a model wrote cannot be taken apart.
    """
    parts: list[tuple[int, int, str, str]] = [
        (passage.first_sequence, -1, "", passage.text) for passage in passages
    ]
    parts += [
        (piece.sequence, piece.start, piece.role, piece.text)
        for piece in pieces
        if piece.sequence not in without
    ]
    lines: list[str] = []
    last = ""
    for _, _, role, text in sorted(parts):
        lines.append(text if role in ("", last) else f"{role}: {text}")
        last = role
    return "\n".join(lines)


def summary_content(body: str) -> str:
    """As it stands in a context; empty where there is nothing to tell."""
    return f"{HEADER}\n{body}" if body else ""
