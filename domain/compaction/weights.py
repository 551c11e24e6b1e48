"""What the built-in summariser values. A change is a new version of the engine.

Tuned on one half of the tasks of `bench/compaction.py`, judged on the other: for what tools are called with later, and for
what is asked later. By judgement, not by measure: what a user says is worth about as much as an answer (in these
conversations the answers repeat it).
"""

import msgspec


class Weights(msgspec.Struct, frozen=True):
    """Factors, unless said otherwise."""

    word: float = 1.0
    name: float = 1.2
    short_number: float = 0.4
    """Up to three digits."""
    number: float = 1.7
    date: float = 1.5
    """Times too."""
    code: float = 2.4
    """Letters with digits, such as an order number."""
    address: float = 1.9
    """E-mails, paths, identifiers of several parts."""
    digits: float = 3.0
    """Added to the rarity of whatever holds a digit, times its length (1 to 3)."""
    reuse: float = 0.55
    """For terms that several messages hold, times the logarithm of their number."""
    said: float = 1.45
    """For terms that somebody said or called with, likewise: what a tool printed and nobody took up counts less."""
    recency: float = 0.28
    """For the newest message; none for the oldest."""
    length: float = 0.35
    """The exponent of a unit's cost: 1 is value per token."""
    user: float = 0.8
    first_person: float = 1.1
    opening: float = 1.2
    """The first sentence of a message."""
    question: float = 0.53
    courtesy: float = 0.3
    """Greetings, thanks, closings."""
    you: float = 0.85
    call: float = 2.0
    record: float = 4.9
    output: float = 0.55
