"""One spelling of a word: width, case, accents and look-alikes away, as far as its script lets readers expect."""

# ruff: noqa: RUF001 - letters of many scripts are meant

import unicodedata

_LATIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"})  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_ARABIC = str.maketrans({"ى": "ي", "ة": "ه", "ک": "ك", "ی": "ي", "ـ": None})

_BLOCKS = [  # the last code point of some blocks, and their script
    (0x024F, "latin"),
    (0x036F, "other"),
    (0x03FF, "greek"),
    (0x052F, "cyrillic"),
    (0x058F, "armenian"),
    (0x05FF, "hebrew"),
    (0x06FF, "arabic"),
    (0x074F, "other"),
    (0x077F, "arabic"),
    (0x08FF, "other"),
    (0x097F, "devanagari"),
    (0x0B7F, "other"),
    (0x0BFF, "tamil"),
    (0x1DFF, "other"),
    (0x1EFF, "latin"),
    (0x1FFF, "greek"),
]


def script_of(word: str) -> str:
    """By its first letter; digits have none and count as Latin."""
    if word.isascii():
        return "latin"
    for letter in word:
        if letter.isalpha():
            code = ord(letter)
            return next((script for last, script in _BLOCKS if code <= last), "other")
    return "latin"


def plain_case(text: str) -> str:
    """Letters, marks and digits: full-width and styled ones as plain ones, in one case, digits of any script as 0 to 9."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = unicodedata.normalize("NFKC", folded)
    return folded if folded.isalpha() else "".join(map(_plain, folded))


def _plain(letter: str) -> str:
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    return letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else ""


def fold(word: str, script: str) -> str:
    """A word of `plain_case` without what people leave out when they write it."""
    if word.isascii():
        return word
    match script:
        case "latin" | "greek" | "hebrew":
            return _without_marks(word).translate(_LATIN)
        case "arabic":
            return _without_marks(word).translate(_ARABIC)
        case "cyrillic":  # й is a letter of its own, ё is not
            return "".join(c for c in word if not unicodedata.combining(c)).replace("ё", "е")
        case _:
            return word


def spelled_out(word: str) -> str:
    """`müller` as `mueller`, else as `fold` in Latin letters."""
    return fold(word.translate(_UMLAUTS), "latin")


def _without_marks(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word)
    kept = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFKC", kept)
