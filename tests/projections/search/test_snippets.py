"""What is shown of a message: a piece of its text, and where in it the words are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.search.query import parse
from projections.search.snippets import LENGTH, snippet
from projections.search.tokens import Tokens

TOKENS = Tokens()


def shown(text: str, q: str) -> tuple[str, list[str]]:
    """The snippet, and its marked parts."""
    weights = dict.fromkeys(parse(TOKENS, q).lexemes(), 1.0)
    made = snippet(TOKENS, text, weights)
    return made.text, [made.text[start:end] for start, end in made.ranges]


def test_short_texts_are_shown_whole() -> None:
    assert shown("Two refunds, one refund.", "refund") == (
        "Two refunds, one refund.",
        ["refunds", "refund"],
    )
    assert shown("我们需要定期回收记忆系统的内存", "记忆系统")[1] == ["记忆系统"]
    assert shown("see ABC-123 there", "abc-123")[1] == ["ABC-123"]
    assert shown("nothing of it", "refund") == ("nothing of it", [])
    assert shown("", "refund") == ("", [])


def test_the_best_stretch_of_a_long_one() -> None:
    text = (
        "word " * 400 + "a kettle " + "word " * 400 + "the kettle and its refund " + "word " * 400
    )
    found, marked = shown(text, "kettle refund")
    assert marked == ["kettle", "refund"]
    assert len(found) <= LENGTH
    assert not found.startswith(("ord", "rd", "d "))


def test_lines_become_one() -> None:
    assert shown("first\nkettle\tlast\u2028end", "kettle")[0] == "first kettle last end"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)
WORDY = st.lists(
    st.sampled_from(["kettle", "Kettles", "A-1", "é", "記憶", "x", "?", "\n"]), max_size=150
)


@settings(max_examples=300)
@given(TEXTS | WORDY.map(" ".join), TEXTS.map(lambda text: text[:256]))
def test_ranges_lie_in_the_snippet_and_hold_what_was_asked(text: str, q: str) -> None:
    for asked in (q, text[:256], "kettle a-1 記憶"):
        weights = dict.fromkeys(parse(TOKENS, asked).lexemes(), 1.0)
        made = snippet(TOKENS, text, weights)
        assert len(made.text) <= max(LENGTH, 0)
        assert len(made.text) <= len(text)
        last = -1
        for start, end in made.ranges:
            assert last < start < end <= len(made.text)
            last = end
            spans = TOKENS.spans(made.text[start:end])
            names = {name for span in spans for name in span.lexemes}
            assert names & set(weights) or not made.text[start:end].isascii()
