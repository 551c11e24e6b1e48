"""What the words of each language need: a stemmer, and which words say nothing.

A message in a language other than English is indexed under two stems: the English one, which any query knows, and
its language's own, marked with the language (`bestell~de`). A query, too short to guess from, asks for both kinds. So a
wrong guess costs an inflected form, never the word itself.
"""

# ruff: noqa: RUF001, SIM905 - letters of many languages are meant; their words read best as lines of text

import re
from collections.abc import Callable
from typing import cast

import Stemmer

NAMES = {
    "da": "danish",
    "de": "german",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "sv": "swedish",
    "tr": "turkish",
}
"""Languages in Latin letters that are guessed, beside English."""

SCRIPTS = {
    "cyrillic": "russian",
    "greek": "greek",
    "arabic": "arabic",
    "devanagari": "hindi",
    "armenian": "armenian",
    "tamil": "tamil",
}
"""Where the script says enough."""

STOP_WORDS = frozenset(
    """
    a about all am an and are as at be been being but by can could d did do does doing done for from get had has have
    having he her hers him his how i if in into is it its just ll m me more my no not of on or our ours out re s she so
    some such t than that the their theirs them then there these they this those to up us ve was we were what when
    where which while who whom whose why will with would you your yours
    im ive id youre theyre dont doesnt didnt isnt wasnt arent werent hasnt havent hadnt wont wouldnt couldnt shouldnt
    thats whats theres
    """.split()
)
"""English words that are neither indexed nor asked for: the commonest of chats, and what questions are made of."""

CONTRACTED = frozenset(
    "ain aren can couldn didn doesn don hadn hasn haven isn mustn needn shan shouldn wasn weren won wouldn".split()
)
"""What stands before the apostrophe in "don't": together they say nothing, whatever Don may mean alone."""

ELIDED = frozenset(
    "all c d dall dell j jusqu l lorsqu m n nell puisqu qu quoiqu s sull t un".split()
)
"""Before an apostrophe: "l'hôtel", "dell'anno"."""

CLITIC = frozenset("d ll m re s t ve".split())
"""After one: "user's", "we'll"."""

_FUNCTION_WORDS = {
    "en": "the and you that was for with have this are your from would what will can there been which their is of to in it",
    "da": "og det er jeg ikke på som med af til den har kan vi du din hvordan hvad eller blev være mig også skal fra efter",
    "de": "der das und ist nicht ein eine ich sie es mit den dem zu auf für von im sich auch wie bei aus nach wir ihr mein"
    " meine meinen haben hat kann wird sind wenn aber oder noch nur über zum zur einen einer eines bitte danke wo warum",
    "es": "que de la el en los las por con para una un es del se su lo como más pero sus le ya sí porque esta este cuando muy"
    " sin sobre también hasta hay donde desde todo nos uno ni ese eso mi yo otro tengo está estoy gracias quiero puede cuál",
    "fr": "le la les de des du et est une un en que qui dans pour pas sur au aux avec ce il sont plus par je ne vous nous mais"
    " ou où ma mes votre vos cette ces été être ai avez ont leur elle ils comme tout merci bonjour c'est j'ai n'est quel",
    "it": "il lo la gli le di che è un una per non sono con del della dei delle nel nella alla ho ha mi si come più ma anche"
    " questo questa mio mia grazie ciao perché quando dove quale",
    "nl": "de het een en van ik dat die niet zijn aan met voor er maar om dan zou wat mijn dit zo door bij ook tot naar heb"
    " heeft wordt kan geen graag waar hoe",
    "pl": "nie się jest na że w z jak ale po co tak od czy moje mój dla przez są był mam proszę dziękuję gdzie kiedy",
    "pt": "que o e do da em um para é com não uma os no na por mais as dos como mas foi ao ele das tem à seu sua ou quando"
    " muito há nos já está eu também só pelo pela até isso ela você meu minha obrigado obrigada olá onde qual",
    "sv": "och att det är en jag inte på som med för har av till den ett om var hur kan vi du min mitt från eller också skulle"
    " vad när",
    "tr": "ve bir bu için ile çok değil daha ama gibi var mı mi ne kadar ben sen benim nasıl lütfen teşekkürler olarak sonra"
    " şey hiç evet hayır",
}
_TELLING: dict[str, list[str]] = {}
for _name, _words in _FUNCTION_WORDS.items():
    for _word in _words.split():
        _TELLING.setdefault(_word, []).append(_name)
_TELLING_WORDS = frozenset(_TELLING)
FUNCTION_WORDS = {name: frozenset(words.split()) for name, words in _FUNCTION_WORDS.items()}

_LETTERS = [  # what one language writes and hardly any other; lower case
    (re.compile("ß|[äöü].*[äöü]", re.DOTALL), "de"),
    (re.compile("[ñ¿¡]"), "es"),
    (re.compile("[ãõ]"), "pt"),
    (re.compile("[ığş]"), "tr"),
    (re.compile("[łńśźżąę]"), "pl"),
    (re.compile("[œèêù]"), "fr"),
]
SAMPLE = 4_000
"""Characters of a text that are looked at."""


def stemmer(name: str) -> Callable[[str], str]:
    """A Snowball stemmer of this name, for words in lower case."""
    made = Stemmer.Stemmer(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - has no types
    return cast("Callable[[str], str]", made.stemWord)  # pyright: ignore[reportUnknownMemberType]


def guess(text: str) -> str:
    """The language of a text in Latin letters: a key of NAMES, or `en` where nothing speaks against it."""
    text = text[:SAMPLE].lower().replace("\u2019", "'")
    scores = {"en": 0}
    for word in _TELLING_WORDS.intersection(text.split()):
        for language in _TELLING[word]:
            scores[language] = scores.get(language, 0) + 1
    best = max(scores, key=lambda language: (scores[language], language == "en", language))
    is_plain = text.isascii()
    if scores[best] > (1 if is_plain else 0):
        return best
    if is_plain or scores["en"]:
        return "en"
    return next((language for letters, language in _LETTERS if letters.search(text)), "en")
