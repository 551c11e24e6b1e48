"""How something is said, apart from what: greetings and thanks, questions, "I" and "you", times, in the commonest languages."""

import re

# All are of small letters and sought in small letters: where case is ignored, a search takes twice as long.

_COURTESY = re.compile(
    r"\b(?:hi|hello|hey|thanks?|thank you|welcome|bye|goodbye|sorry|apolog\w+|glad|happy to help|anything else|feel free"
    r"|let me know|how (?:can|may) i|good (?:morning|evening|day)|great day|nice day|you too|no problem|take care|congrat\w*"
    r"|hola|gracias|buen(?:os|as)? (?:d[ií]as?|tardes|noches)|de nada|adi[oó]s|saludos|perd[oó]n|disculp\w+"
    r"|hallo|guten (?:tag|morgen|abend)|danke|vielen dank|bitte sehr|tsch[uü]ss|gr[uü](?:ß|ss)e?|entschuldig\w+"
    r"|bonjour|merci|salut|au revoir|ol[aá]|obrigad[oa])\b"
    r"|\u4f60\u597d|\u60a8\u597d|\u8c22\u8c22|\u4e0d\u5ba2\u6c14|\u518d\u89c1|\u62b1\u6b49"
    r"|\u3053\u3093\u306b\u3061\u306f|\u3042\u308a\u304c\u3068\u3046|\u3059\u307f\u307e\u305b\u3093|\u3088\u308d\u3057\u304f"
    r"|\u0645\u0631\u062d\u0628\u0627|\u0634\u0643\u0631\u0627|\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645"
    r"|\u0928\u092e\u0938\u094d\u0924\u0947|\u0927\u0928\u094d\u092f\u0935\u093e\u0926"
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|i['\u2019]\w+|my|me|mine|we|our|us|yo|mi|mis|me|nos|nuestr[oa]s?|ich|mein\w*|mir|mich|wir|uns\w*|je|j['\u2019]|mon|ma|eu|meu|minha)\b"
    r"|\u6211|\u79c1|\u50d5|\u4ffa|\u0623\u0646\u0627|\u092e\u0948\u0902|\u092e\u0947\u0930[\u093e\u0940\u0947]"
)
_YOU = re.compile(
    r"\b(?:you|you['\u2019]\w+|your|yours|usted(?:es)?|t[uú]|tus?|su|sus|du|dein\w*|dir|dich|ihnen|ihr\w*|vous|votre|voc[eê])\b"
    r"|\u4f60|\u60a8|\u3042\u306a\u305f|\u0623\u0646\u062a|\u0906\u092a"
)
_OWN = re.compile(
    r"\b(?:my|our|mein\w*|unser\w*|mis?|nuestr[oa]s?|mon|ma|mes|notre|nos|meus?|minhas?)\b"
    r"|\u6211\u7684|\u6211\u4eec\u7684|\u79c1\u306e|\u092e\u0947\u0930[\u093e\u0940\u0947]"
)
_OTHERS = re.compile(
    r"\b(?:he|she|they|him|her|his|their|er|sie|ihm|\u00e9l|ella|ellos|ellas|il|elle|ils|elles|ele|ela|eles|elas)\b"
    r"|[\u4ed6\u5979]|\u5f7c|\u0647\u0648 |\u0647\u064a "
)
_WHEN = re.compile(
    r"\b(?:yesterday|today|tomorrow|tonight|ago|since|until"
    r"|(?:last|next|this|every) (?:week|month|year|night|time|summer|winter|spring|autumn|fall|weekend|morning|evening)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
    r"|january|february|march|april|june|july|august|september|october|november|december"
    r"|gestern|heute|morgen|vor(?:gestern)?|jahr\w*|seit|(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?|woche\w*|monat\w*"
    r"|januar|februar|m\u00e4rz|mai|juni|juli|oktober|dezember"
    r"|ayer|hoy|ma\u00f1ana|hace|a\u00f1os?|mes(?:es)?|semanas?|lunes|martes|mi\u00e9rcoles|jueves|viernes|s\u00e1bado|domingo"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|hier|demain|depuis|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|janvier|f\u00e9vrier|avril|juin|juillet|ao\u00fbt"
    r"|septembre|octobre|novembre|d\u00e9cembre|ontem|amanh\u00e3|semana|anos?|janeiro|fevereiro|setembro|outubro|dezembro)\b"
    r"|[\u5e74\u6708\u65e5\u5468\u9031]|\u6628|\u660e\u5929|\u0623\u0645\u0633|\u063a\u062f\u0627|\u064a\u0648\u0645|\u0915\u0932|\u0926\u093f\u0928"
)
_REACTION = re.compile(
    r"\W*(?:oh|ah|aha|ha(?:ha)*|wow|yes|yeah|yep|no|nope|well|ok|okay|sure|right|great|good|nice|lovely|poor|fine|true|exactly|of course"
    r"|ja|nein|ach|na|doch|genau|klar|sch\u00f6n|prima|s\u00ed|claro|vale|bueno|ay|ja(?:ja)+|qu\u00e9|oui|non|bien|sim|n\u00e3o"
    r"|\u55ef|\u54c8+|\u597d\u7684|\u306f\u3044|\u3044\u3044\u3048|\u0646\u0639\u0645|\u0939\u093e\u0901)\b"
)
_PROMISE = re.compile(
    r"\b\w+['\u2019]ll\b|\blet(?: me|['\u2019]s)\b|\b(?:ich|wir) werden?\b|\bvoy a\b|\bvamos a\b"
)
_DIGIT = re.compile(r"\d")
_QUESTION = re.compile(r"[?\uff1f\u061f][)\"'\u201d\u2019\uff09\u300d]*$")


def is_courtesy(text: str) -> bool:
    return len(text) < 200 and _COURTESY.search(text.lower()) is not None


def is_first_person(text: str) -> bool:
    return _FIRST_PERSON.search(text.lower()) is not None


def addresses_the_other(text: str) -> bool:
    return _YOU.search(text.lower()) is not None


def is_question(text: str) -> bool:
    return _QUESTION.search(text) is not None


def is_exclamation(text: str) -> bool:
    return text.endswith(("!", "\uff01"))


def is_reaction(text: str) -> bool:
    """Takes up what the other said: "oh", "well", "yes"."""
    return _REACTION.match(text.lower()) is not None


def is_promise(text: str) -> bool:
    return _PROMISE.search(text.lower()) is not None


def is_of_own(text: str) -> bool:
    return _OWN.search(text.lower()) is not None


def is_of_others(text: str) -> bool:
    return _OTHERS.search(text.lower()) is not None


def tells_when(text: str) -> bool:
    return _WHEN.search(text.lower()) is not None


def holds_digit(text: str) -> bool:
    return _DIGIT.search(text) is not None
