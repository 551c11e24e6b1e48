"""What the built-in summariser prefers, and what it does where little fits: with the real tokenizer."""

import json
from collections.abc import Callable

import msgspec
import pytest

from domain.compaction import manner
from domain.compaction.candidates import candidates
from domain.compaction.choice import joined
from domain.compaction.clauses import clauses
from domain.compaction.entries import Entry
from domain.compaction.picking import picked
from domain.compaction.reading import reading
from domain.compaction.summary_text import summary_content
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.summaries import Passage, Piece
from services.http.tokenizers import Tokenizers


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tokenizers("o200k_base").tools()


def talk(*texts: str) -> list[Entry]:
    """Of two who take turns."""
    return [
        Entry(n, f"m{n}", ("assistant", "user")[n % 2], msgspec.Raw(json.dumps(t).encode()), 10)
        for n, t in enumerate(texts, 1)
    ]


def told(
    entries: list[Entry], room: int, tools: Tools, earlier: tuple[Piece, ...] = ()
) -> list[str]:
    found = candidates(earlier, entries, Weights())
    made = picked(found, [], tools.count(summary_content("user: ")) + room, tools, Weights())
    return [piece.text for piece in made.pieces]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She came by last Sunday to collect it, and it hurt less than I feared.", ["She came by last Sunday to collect it, ", "and it hurt less than I feared."]),
        ("Which reminds me: my farewell party is on June 25th", ["Which reminds me: my farewell party is on June 25th"]),
        ("It reaches 1,250 degrees and takes nine hours at 12:30:15 sharp.", ["It reaches 1,250 degrees and takes nine hours at 12:30:15 sharp."]),
        ("We sell bowls, mugs, plates and a few small lamps.", ["We sell bowls, mugs, plates and a few small lamps."]),
        ("Der Sturm hat den Zaun umgeworfen, und der alte Baum hat gelitten.", ["Der Sturm hat den Zaun umgeworfen, ", "und der alte Baum hat gelitten."]),
        ("我的订单要寄到苏州市平江路九号\uff0c我下个星期五才会在家里等您。", ["我的订单要寄到苏州市平江路九号\uff0c", "我下个星期五才会在家里等您。"]),
        ("", [""]),
    ],
)  # fmt: skip
def test_where_clauses_end(text: str, expected: list[str]) -> None:
    parts = [text[start:end] for start, end in clauses(text)]
    assert parts == expected
    assert "".join(parts) == text


@pytest.mark.parametrize(
    ("texts", "fact"),
    [
        (["What did the vet say about the old cat?", "She weighs six kilos and needs a strict diet.", "Oh, that is quite a lot for such a cat!"], "She weighs six kilos and needs a strict diet."),
        (["¿Qué dijo el veterinario de la gata vieja?", "Pesa seis kilos y necesita una dieta estricta.", "¡Ay, eso es mucho para una gata así!"], "Pesa seis kilos y necesita una dieta estricta."),
        (["Was hat der Tierarzt über die alte Katze gesagt?", "Sie wiegt sechs Kilo und braucht eine strenge Diät.", "Ach, das ist ja viel für so eine Katze!"], "Sie wiegt sechs Kilo und braucht eine strenge Diät."),
        (["兽医说那只老猫怎么样了\uff1f", "它现在有六公斤重需要严格控制饮食。", "真的是太重了啊\uff01"], "它现在有六公斤重需要严格控制饮食。"),
    ],
)  # fmt: skip
def test_an_answer_is_worth_more_than_its_question(
    texts: list[str], fact: str, tools: Tools
) -> None:
    assert told(talk(*texts), tools.count(fact) + 3, tools) == [fact]


def test_a_day_and_a_number_come_before_an_opinion(tools: Tools) -> None:
    texts = [
        "Working there felt like a really wonderful adventure.",
        "The scan is on May 12th in room 4711.",
        "Some people always find something to complain about.",
    ]
    assert told(talk(*texts), 14, tools) == [texts[1]]


def test_what_all_speak_of_tells_little(tools: Tools) -> None:
    common = [f"The garden {verb} the garden fence." for verb in ("touches", "follows", "reaches")]
    texts = [*common, "The plumber repaired the kitchen sink.", *common]
    assert told(talk(*texts), 10, tools) == [texts[3]]


def test_what_is_called_with_again_and_again_is_kept(tools: Tools) -> None:
    """A word in calls is a value: the more of them hold it, the likelier it is needed."""
    calls = [Piece(n, "assistant", 0, 20, f"edit: file=setup, line={n}", 2.0) for n in (1, 2, 3)]
    once = Piece(4, "assistant", 0, 20, "edit: file=notes, line=9", 2.0)
    made = picked([*calls, once], [], 26, tools, Weights())
    assert 0 < len(made.pieces) < 3
    assert any("setup" in piece.text for piece in made.pieces)
    assert once not in made.pieces


def test_where_little_fits_parts_of_sentences_are_picked(tools: Tools) -> None:
    part = "The gardener comes on May 12th at 8:30 with invoice GX-4711,"
    texts = ["and everybody had quite a good time over there as far as one can tell. "] * 20
    entries = talk(f"{part} {texts[0]}", *texts)
    content = reading(entries[0]).text
    found = candidates([], entries, Weights())
    small = tools.count(summary_content(f"user: {part}")) + 3
    made = picked(found, [], small, tools, Weights())
    assert [piece.text for piece in made.pieces] == [part]
    assert all(content[p.start : p.end] == p.text for p in made.pieces)
    total = sum(tools.count(piece.text) for piece in found)
    wide = picked(found, [], total // 2, tools, Weights())
    assert {piece.text for piece in wide.pieces} <= {piece.text for piece in found}, "torn apart"


@pytest.mark.parametrize(
    ("is_so", "texts", "other"),
    [
        (manner.is_reaction, ["Oh, really", "JA, genau", "Claro que sí"], "Yesterday it rained."),
        (manner.is_promise, ["I\u2019LL do it.", "Let me see.", "Ich werde es tun."], "I did it."),
        (manner.is_of_own, ["It is MY house.", "Unser Haus", "mi casa", "我的家"], "The house is red."),
        (manner.is_of_others, ["SHE left.", "Sie ging.", "Ella salió.", "他走了"], "Nobody left."),
        (manner.tells_when, ["On MONDAY", "Next Week", "letzten März", "el lunes", "星期五是5月"], "Maybe."),
        (manner.is_exclamation, ["Fine!", "好\uff01"], "Fine."),
    ],
)  # fmt: skip
def test_manners_are_told_apart(is_so: Callable[[str], bool], texts: list[str], other: str) -> None:
    assert [text for text in texts if not is_so(text)] == []
    assert not is_so(other)


def test_parts_that_follow_each_other_are_one_piece() -> None:
    text = "She came by last Sunday to collect it, and it hurt less than I feared."
    parts = [Piece(1, "user", start, end, text[start:end], 1.0) for start, end in clauses(text)]
    assert joined(parts) == (Piece(1, "user", 0, len(text), text, 1.0),)
    alone = joined(parts[:1])[0]
    assert alone.text == text[: alone.end] == text[: parts[0].end].rstrip()
    other = msgspec.structs.replace(parts[1], sequence=2)
    assert len(joined([parts[0], other])) == 2


def test_pieces_of_an_older_selector_are_picked_from(tools: Tools) -> None:
    """Their scores are another's, their spans are whole sentences."""
    earlier = (
        Piece(1, "user", 0, 41, "My booking is ZRH-4711, and I need seat 12A.", 0.88),
        Piece(2, "tool", 0, 22, "seat=12A, status=paid", 4.9),
    )
    entries = [msgspec.structs.replace(e, sequence=e.sequence + 2) for e in talk("Lovely weather.")]
    kept = told(entries, 1_000, tools, earlier)
    assert kept == [*(piece.text for piece in earlier), "Lovely weather."]
    assert "Lovely weather." not in told(entries, 10, tools, earlier)


def test_passages_are_shortened_by_whole_sentences(tools: Tools) -> None:
    text = "They agreed on May 12th in Ghent, because the hall was free then. It was a nice talk."
    found = candidates([], talk(*["We went on and on about nothing much at all."] * 30), Weights())
    made = picked(found, [Passage(40, 50, text, "gpt-4o-mini")], 26, tools, Weights())
    assert [passage.text for passage in made.passages] == [text[: text.index(" It was")]]
