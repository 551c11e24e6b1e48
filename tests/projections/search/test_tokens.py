"""What is found by what, in the languages and kinds of text that people search."""
# ruff: noqa: RUF001

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from projections.search import tokens as module
from projections.search.languages import NAMES, guess
from projections.search.query import Phrase, parse
from projections.search.tokens import Tokens
from projections.search.words import chain_pattern, pieces

TOKENS = Tokens()


def holds(positions: dict[str, str], phrase: Phrase) -> bool:
    starts = [
        {
            int(at) - place
            for name in names
            if name in positions
            for at in positions[name].split(",")
        }
        for place, names in phrase.words
    ]
    return bool(starts) and bool(set.intersection(*starts))


def found(text: str, query: str) -> bool:
    """Whether some word of the query, or a phrase where there is one, is in the text, and nothing that must not be."""
    lexemes = TOKENS.index(text).lexemes
    asked = parse(TOKENS, query)
    return (
        any(name in lexemes for word in asked.words for name in word.lexemes)
        and all(any(holds(lexemes, phrase) for phrase in clause) for clause in asked.required)
        and not any(holds(lexemes, phrase) for phrase in asked.excluded)
    )


FOUND = [
    # Spanish
    ("Quiero cancelar las devoluciones de mi pedido por favor", "devolución"),
    ("La canción que más me gusta está en la lista", "cancion"),
    ("¿Dónde está la habitación que reservé para mañana?", "habitaciones"),
    # German: umlauts, ß, spelt out or not, inflected
    ("Wo sind meine Bestellungen vom letzten Jahr?", "Bestellung"),
    ("Die Straße ist wegen der Häuser gesperrt", "strasse"),
    ("Ich wohne in der Hauptstrasse", "Hauptstraße"),
    ("Frau Müller ruft nicht zurück", "mueller"),
    ("Herr Mueller hat angerufen", "Müller"),
    ("Bitte die Rechnungen an mein Büro und nicht nach Hause", "Rechnung"),
    # French: accents, elisions, typographic apostrophes
    ("Je voudrais réserver une chambre à l’hôtel pour deux nuits", "hotel"),
    ("C'est l'été, il fait chaud dans les réservations annulées", "réservation"),
    ("Crème brûlée et café", "creme brulee cafe"),
    ("un coeur tendre", "cœur"),
    # Turkish: four letters i
    ("IŞIK çok güzel", "ışık"),
    ("İSTANBUL için bir bilet", "istanbul"),
    ("kitaplarımız nerede ve ne kadar", "kitap"),
    ("Diyarbakır'da hava nasıl", "diyarbakir"),
    # other Latin letters
    ("Ik heb twee bestellingen voor het weekend", "bestelling"),
    ("Gdzie jest moje zamówienie? Łódź", "lodz"),
    ("As devoluções não são para você", "devolução"),
    ("Var är mina beställningar från Malmö", "beställning"),
    ("Hvor er Ærø", "aeroe"),
    # scripts of their own
    ("我们需要定期回收记忆系统的内存", "记忆系统"),
    ("我们需要定期回收记忆系统的内存", "内存"),
    ("喜欢猫和狗", "猫"),
    ("日本語のテストを書きました", "テスト"),
    ("東京都に住んでいます", "東京"),
    ("ﾃｽﾄを実行", "テスト"),
    ("สวัสดีครับผมอยู่กรุงเทพ", "กรุงเทพ"),
    ("번역을 부탁해", "번역"),
    ("물을 마셔요", "물"),
    ("أين الطلبات الجديدة", "طلب"),
    ("مُحَمَّد يكتب رسالة", "محمد"),
    ("إلغاء الحجز", "الغاء"),
    ("मुझे किताबें पसंद हैं", "किताब"),
    ("रिफ़ंड कब मिलेगा", "रिफ़ंड"),
    ("Где мои заказы?", "заказ"),
    ("Самолёт ещё не прилетел", "самолет"),
    ("Πού είναι η παραγγελία μου", "παραγγελια"),
    ("איפה ההזמנה שלי", "ההזמנה"),
    ("می‌خواهم لغو کنم", "می‌خواهم"),
    # English
    ("two refunds were requested", "refund"),
    ("the customer's bookings", "customer booking"),
    ("they're arguing with O'Brien", "obrien"),
    # code, paths, addresses, numbers
    ("order A-1234 shipped", "A-1234"),
    ("order A-1234 shipped", "a1234"),
    ("order A1234 shipped", "A-1234"),
    ("order A-1234 shipped", "1234"),
    ("order 4711 is late", "#4711"),
    ("booking ZFA04Y is confirmed", "zfa04y"),
    ("flight HAT136 departs", "hat 136"),
    ("mail bob.smith@example.com now", "bob.smith@example.com"),
    ("mail bob.smith@example.com now", "BOB.SMITH@EXAMPLE.COM"),
    ("mail bob.smith@example.com now", "example.com"),
    ("mail bob.smith@example.com now", "smith"),
    ("see https://ex.com/foo/bar?x=1&y=2", "foo/bar"),
    ("see https://ex.com/foo/bar?x=1&y=2", "https://ex.com/foo/bar?x=1&y=2"),
    ("in /etc/nginx/nginx.conf line 3", "nginx.conf"),
    ("in /etc/nginx/nginx.conf line 3", "/etc/nginx"),
    (r"open C:\Users\ada\notes.txt", "notes.txt"),
    ("call my_func_name(x)", "my_func_name"),
    ("call my_func_name(x)", "func"),
    ("getUserById fails", "user"),
    ("getUserById fails", "getUserById"),
    ("getUserById fails", "get_user_by_id"),
    ("HTTPServer was here", "http server"),
    ("error E_CONN_RESET 0x80070005", "0x80070005"),
    ("v1.2.3-rc1 released", "1.2.3"),
    ("python 3.11.7", "3.11.7"),
    ("we write C++ and C# here", "c++"),
    ("we write C++ and C# here", "C#"),
    ("total $1,234.50 paid", "1234.50"),
    ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
    ("𝐁𝐨𝐥𝐝 claims", "bold"),
    ("price ١٢٣٤ today", "1234"),
    ("pre-order the e-mail", "email"),
    ("re\u0301sume\u0301 in decomposed form", "résumé"),
    ('{"note": "line one\\nsecond line"}', "second"),
    # symbols
    ("great job 🎉🎉", "🎉"),
    ("👍🏽 from me", "👍"),
    ("trip to 🇩🇪", "🇩🇪"),
    # phrases and exclusions
    ("the state of the art is moving", '"state of the art"'),
    ("a rare bird was seen", '"rare bird"'),
    ("order A-1234 shipped", '"order A-1234"'),
    ("order A-1234 shipped", '"A 1234"'),
    ("我们需要定期回收", '"定期回收"'),
    ("green apple", "apple -red"),
    ("one two", '"two one" or "one two"'),
    ("one two", '"nine ten" or two'),
    ("curly quotes too", "“quotes too”"),
    ("quote left open", '"left open'),
]


@pytest.mark.parametrize(("text", "query"), FOUND)
def test_found(text: str, query: str) -> None:
    assert found(text, query)


NOT_FOUND = [
    ("red apple", "apple -red"),
    ("red green apple", 'apple -"red green"'),
    ("seen a bird, rare as it is", '"rare bird"'),
    ("one two", '"two one"'),
    ("我们需要回收", '"定期回收"'),
    ("example of a com port", '"example.com" -port'),
    ("C is a letter", "c++ -letter"),
    ("unrelated words", "🎉"),
    ("anything at all", "what is it or the"),
    ("don't do that", "don"),
]


@pytest.mark.parametrize(("text", "query"), NOT_FOUND)
def test_not_found(text: str, query: str) -> None:
    assert not found(text, query)


@pytest.mark.parametrize(
    "junk", ["", " ", "?!", "the of and", '"', '""', "-", "--", "- -", "or", "or or", '-"', '"the who"', "-x", "…„“"]
)  # fmt: skip
def test_junk_asks_for_nothing(junk: str) -> None:
    assert parse(TOKENS, junk).words == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order? I need it today.", "en"),
        ("Wo ist meine Bestellung? Ich brauche sie heute.", "de"),
        ("¿Dónde está mi pedido? Lo necesito para hoy.", "es"),
        ("Où est ma commande ? Je dois la recevoir aujourd'hui.", "fr"),
        ("Dov'è il mio ordine? Mi serve per oggi.", "it"),
        ("Onde está o meu pedido? Eu preciso dele para hoje, não amanhã.", "pt"),
        ("Waar is mijn bestelling? Ik heb het vandaag nodig.", "nl"),
        ("Siparişim nerede? Bugün benim için çok önemli.", "tr"),
        ("Gdzie jest moje zamówienie? Nie mam go.", "pl"),
        ("Var är min beställning? Jag behöver den idag.", "sv"),
        ("", "en"),
        ("ORDER 4711", "en"),
        ("the die was cast in die mold and it was hot", "en"),
    ],
)
def test_the_language_is_guessed(text: str, language: str) -> None:
    assert guess(text) == language


def test_a_wrong_guess_costs_no_word() -> None:
    """A query asks for every language's form, and the English one is always there."""
    text = "Rechnungen"
    for language in ("en", *NAMES):
        for piece in pieces(text)[0]:
            indexed = {name for name, _ in TOKENS.indexed_as(piece, language)}
            assert indexed <= set(TOKENS.asked_as(piece))


WORDS = st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=12)
ODD = st.sampled_from(
    ["don't", "A-1234", "a.b@c.de", "getUserById", "1,000.5", "C++", "ÀÉ", "ﷺ", "½", "İ", "ǅ", "ก็", "ー", "é", "x_y_", "’s"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(WORDS | ODD, min_size=1, max_size=8))
def test_every_word_is_found_by_itself(words: list[str]) -> None:
    text = " ".join(words)
    indexed = TOKENS.index(text).lexemes
    for match in chain_pattern(text).finditer(text):
        for piece in pieces(match[0])[0]:
            names = TOKENS.asked_as(piece)
            assert not names or any(name in indexed for name in names), (match[0], piece)
    for span in TOKENS.spans(text):
        assert 0 <= span.start < span.end <= len(text)
        assert any(name in indexed for name in span.lexemes)


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=256))
@example("\u3400\u0f71")  # a letter, and a mark of another script
def test_no_text_fails(text: str) -> None:
    indexed = TOKENS.index(text)
    for lexeme, positions in indexed.lexemes.items():
        assert 0 < len(lexeme) <= module.LONGEST_LEXEME
        assert "\0" not in lexeme
        assert not re.search(r"['\\\s]", lexeme)
        assert re.fullmatch(r"\d+(,\d+)*", positions)
    parse(TOKENS, text)


def test_a_huge_message_is_indexed_in_part() -> None:
    distinct = " ".join(f"word{number}" for number in range(100_000))
    indexed = TOKENS.index(distinct)
    assert indexed.truncated
    assert module.MOST_LEXEMES - 10 < len(indexed.lexemes) <= module.MOST_LEXEMES
    long = TOKENS.index("x" * 1_000_000)
    assert long.truncated
    assert [len(name) for name in long.lexemes] == [module.LONGEST_LEXEME]
    assert not TOKENS.index("short").truncated


def test_long_words_stay_apart() -> None:
    first, second = "a" * 60 + "b", "a" * 60 + "c"
    assert found(f"text {first}", first)
    assert not found(f"text {first}", second)
