"""What the built-in summariser reads, and what it picks, in many languages: with the real tokenizer."""

import json

import msgspec
import pytest

from domain.compaction.candidates import candidates
from domain.compaction.entries import Entry
from domain.compaction.flatten import flattened, parsed
from domain.compaction.manner import addresses_the_other, is_courtesy, is_first_person, is_question
from domain.compaction.picking import picked
from domain.compaction.reading import reading
from domain.compaction.sentences import LONGEST, sentences
from domain.compaction.summary_text import summary_content
from domain.compaction.terms import Terms
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from services.http.tokenizers import Tokenizers


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tokenizers("o200k_base").tools()


def entry(content, role="user", sequence=1, calls=None) -> Entry:
    made = msgspec.Raw(json.dumps(calls).encode()) if calls else msgspec.Raw(b"null")
    return Entry(
        sequence, f"m{sequence}", role, msgspec.Raw(json.dumps(content).encode()), 10, made
    )


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It left. It came back! Did it? yes", ["It left.", "It came back!", "Did it?", "yes"]),
        ("thanks. my id is xy1. ok", ["thanks.", "my id is xy1.", "ok"]),
        ("Dr. Who paid 3.50, e.g. by card. Fine.", ["Dr. Who paid 3.50, e.g. by card.", "Fine."]),
        (
            "It is in hall ZX-2. It costs 3.50. It came on 2026-05-20. It left at 12:30. So.",
            [
                "It is in hall ZX-2.",
                "It costs 3.50.",
                "It came on 2026-05-20.",
                "It left at 12:30.",
                "So.",
            ],
        ),
        (
            "Seat 12-A. Ask J. Doe in the U.S. office. Ok",
            ["Seat 12-A.", "Ask J. Doe in the U.S. office.", "Ok"],
        ),
        ("1. One-way\n2. Economy", ["1. One-way", "2. Economy"]),
        (
            "Am 3. Mai fliege ich z. B. nach Bern. Gut.",
            ["Am 3. Mai fliege ich z. B. nach Bern.", "Gut."],
        ),
        ("¿Dónde está? Es el 4711. ¡Gracias!", ["¿Dónde está?", "Es el 4711.", "¡Gracias!"]),
        ("我住在北京。订单号是4711。谢谢。", ["我住在北京。", "订单号是4711。", "谢谢。"]),
        ("注文は4711です。いつ届きますか。", ["注文は4711です。", "いつ届きますか。"]),
        ("أين طلبي؟ رقم الطلب 4711.", ["أين طلبي؟", "رقم الطلب 4711."]),
        ("मेरा नाम राम है। ऑर्डर 4711 है।", ["मेरा नाम राम है।", "ऑर्डर 4711 है।"]),
        ("def f(a):\n    return a.b\n\nx = 1.5", ["def f(a):", "return a.b", "x = 1.5"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize("text", ["a" * 5_000, "word " * 2_000, "a,b;" * 3_000, "字" * 1_500])
def test_what_has_no_end_is_cut(text: str) -> None:
    parts = cut(text)
    assert all(0 < len(part) <= LONGEST for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_json_becomes_lines() -> None:
    value = {
        "order": {"id": "Z-1", "items": [{"sku": "A", "n": 2}, {"sku": "B", "n": None}]},
        "ok": True,
        "tags": ["x", "y"],
        "no": {},
    }
    assert flattened(value) == [
        "ok=true, tags=[x, y]",
        "order: id=Z-1",
        "order.items.0: sku=A, n=2",
        "order.items.1: sku=B, n=null",
    ]
    assert parsed("4711") is parsed('"text"') is parsed("{broken") is parsed("") is None
    deep = "[" * 5_000 + "]" * 5_000
    assert parsed(deep) is None or flattened(parsed(deep)) == []


def test_calls_and_parts_are_read() -> None:
    call = {
        "id": "c",
        "function": {"name": "find", "arguments": '{"id": 4711, "to": {"city": "Bern"}}'},
    }
    assert reading(entry(None, "assistant", calls=[call])).text == "find: id=4711, to: city=Bern"
    parts = [
        {"type": "text", "text": "One. Two."},
        {"type": "image_url", "image_url": {"url": "u"}},
    ]
    read = reading(entry(parts))
    assert [unit.text for unit in read.units] == ["One.", "Two."]
    assert all(read.text[unit.start : unit.end] == unit.text for unit in read.units)


FACTS = {
    "english": ("Hello there, how are you today? ", "My order BX-4711 goes to Harbour Street 9 in Ghent.", " Thank you very much!"),
    "spanish": ("Hola, buenos días. ¿Cómo está usted? ", "Mi pedido BX-4711 va a la calle Sierpes 9 de Sevilla.", " ¡Muchas gracias!"),
    "german": ("Guten Tag, wie geht es Ihnen? ", "Meine Bestellung BX-4711 geht an die Hafenstraße 9 in Kiel.", " Vielen Dank!"),
    "chinese": ("你好。您今天怎么样\uff1f", "我的订单BX-4711要寄到苏州市平江路9号。", "谢谢您。"),
    "japanese": ("こんにちは。お元気ですか。", "私の注文BX-4711は京都市烏丸通9番地に届きます。", "ありがとうございます。"),
    "arabic": ("مرحبا. كيف حالك؟ ", "رقم طلبي BX-4711 ويذهب إلى شارع الميناء 9 في طنجة.", " شكرا جزيلا."),
    "hindi": ("नमस्ते। आप कैसे हैं? ", "मेरा ऑर्डर BX-4711 जयपुर की स्टेशन रोड 9 पर जाएगा।", " बहुत धन्यवाद।"),
}  # fmt: skip


@pytest.mark.parametrize("language", FACTS)
def test_it_is_not_english_only(language: str, tools: Tools) -> None:
    before, fact, after = FACTS[language]
    weights = Weights()
    found = candidates([], [entry(before + fact + after)], weights)
    assert len(found) >= 3, "sentences do not end"
    room = tools.count(summary_content(f"user: {fact}")) + 3
    told = picked(found, [], room, tools, weights)
    assert [piece.text for piece in told.pieces] == [fact]


def test_words_of_unspaced_scripts_are_found(tools: Tools) -> None:
    terms = Terms(tools, Weights())
    one = terms.of("我的订单要寄到苏州市平江路", is_record=False)
    two = terms.of("寄到苏州市", is_record=False)
    assert len(one) > 2
    assert set(one) & set(two)


def test_names_of_fields_say_nothing(tools: Tools) -> None:
    terms = Terms(tools, Weights())
    assert not terms.of("passenger.address: street_name=, cabin=", is_record=True)
    assert "ix-77" in terms.of("reservation_id=IX-77", is_record=True)


def test_manners() -> None:
    assert is_courtesy("Vielen Dank!")
    assert is_courtesy("谢谢")
    assert not is_courtesy("Parcel 4711 is lost.")
    assert is_question("Where is it?”")
    assert is_question("在哪里\uff1f")
    assert is_first_person("My name is Ada.")
    assert is_first_person("Ich heiße Ada.")
    assert not is_first_person("The parcel is lost.")
    assert addresses_the_other("Do you see it?")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 200_000,
        " " * 1_200_000,
        "a b " * 50_000,
        "{" * 100_000,
        "?!." * 60_000,
        "é\u0301\U0001f468\u200d\U0001f469" * 5_000,
    ],
)
def test_nasty_texts_are_read(text: str, tools: Tools) -> None:
    told = picked(candidates([], [entry(text, "tool")], Weights()), [], 200, tools, Weights())
    assert tools.count(told.content()) <= 200
