"""What the built-in summariser values. A change is a new version of the engine.

Tuned on one half of the tasks and of the marked dialogues of `bench/compaction.py`, judged on the other: for what tools are called
with later, and for what is asked later. What a user says counts for a little less because the answers repeat it there.
"""

import msgspec


class Weights(msgspec.Struct, frozen=True):
    """Factors, unless said otherwise."""

    word: float = 1.0
    name: float = 1.7
    initial: float = 0.6
    """A capital letter where a sentence begins: mostly no name."""
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
    """For numbers and identifiers that several messages hold, times the logarithm of their number."""
    said: float = 1.45
    """For those that somebody said or called with, likewise: what a tool printed and nobody took up counts less."""
    common_word: float = 0.5
    """The exponent, negative, of the number of messages that say a word: what all speak of tells little of any."""
    common_name: float = 0.3
    later: float = 0.8
    """A word or name that an earlier message has said already."""
    again: float = 0.4
    """A word or name that a piece picked before holds; numbers and identifiers are worth nothing twice."""
    recency: float = 0.28
    """For the newest message; none for the oldest."""
    length: float = 0.35
    """The exponent of a unit's cost: 1 is value per token."""
    tight: float = 0.15
    """The share of the candidates' tokens below which a budget is filled with parts of sentences."""
    user: float = 0.8
    first_person: float = 1.1
    own: float = 1.2
    """What is mine or ours."""
    others: float = 1.2
    """Statements about somebody else."""
    when: float = 1.5
    """Days, months and the like."""
    opening: float = 1.35
    """The first sentence of a message."""
    answer: float = 1.8
    """Any sentence of a message after one that asked."""
    question: float = 0.1
    digit: float = 0.4
    """The least that the manner of a sentence that holds a digit takes away: thanks with an order number tell something."""
    exclamation: float = 0.5
    courtesy: float = 0.2
    """Greetings, thanks, closings."""
    reaction: float = 0.6
    """What begins with "oh", "well", "yes"."""
    promise: float = 0.7
    you: float = 0.5
    few: int = 7
    """Words below which a sentence counts less, in proportion."""
    call: float = 2.0
    record: float = 4.9
    output: float = 0.55
