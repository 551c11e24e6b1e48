"""How something is said, apart from what: greetings and thanks, questions, "I" and "you", in the commonest languages."""

import re

_COURTESY = re.compile(
    r"\b(?:hi|hello|hey|thanks?|thank you|welcome|bye|goodbye|sorry|apolog\w+|glad|happy to help|anything else|feel free"
    r"|let me know|how (?:can|may) i|good (?:morning|evening|day)|great day|nice day|you too|no problem|take care|congrat\w*"
    r"|hola|gracias|buen(?:os|as)? (?:d[ií]as?|tardes|noches)|de nada|adi[oó]s|saludos|perd[oó]n|disculp\w+"
    r"|hallo|guten (?:tag|morgen|abend)|danke|vielen dank|bitte sehr|tsch[uü]ss|gr[uü](?:ß|ss)e?|entschuldig\w+"
    r"|bonjour|merci|salut|au revoir|ol[aá]|obrigad[oa])\b"
    r"|\u4f60\u597d|\u60a8\u597d|\u8c22\u8c22|\u4e0d\u5ba2\u6c14|\u518d\u89c1|\u62b1\u6b49"
    r"|\u3053\u3093\u306b\u3061\u306f|\u3042\u308a\u304c\u3068\u3046|\u3059\u307f\u307e\u305b\u3093|\u3088\u308d\u3057\u304f"
    r"|\u0645\u0631\u062d\u0628\u0627|\u0634\u0643\u0631\u0627|\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645"
    r"|\u0928\u092e\u0938\u094d\u0924\u0947|\u0927\u0928\u094d\u092f\u0935\u093e\u0926",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|i['\u2019]\w+|my|me|mine|we|our|us|yo|mi|mis|me|nos|nuestr[oa]s?|ich|mein\w*|mir|mich|wir|uns\w*|je|j['\u2019]|mon|ma|eu|meu|minha)\b"
    r"|\u6211|\u79c1|\u50d5|\u4ffa|\u0623\u0646\u0627|\u092e\u0948\u0902|\u092e\u0947\u0930[\u093e\u0940\u0947]",
    re.IGNORECASE,
)
_YOU = re.compile(
    r"\b(?:you|you['\u2019]\w+|your|yours|usted(?:es)?|t[uú]|tus?|su|sus|du|dein\w*|dir|dich|ihnen|ihr\w*|vous|votre|voc[eê])\b"
    r"|\u4f60|\u60a8|\u3042\u306a\u305f|\u0623\u0646\u062a|\u0906\u092a",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[?\uff1f\u061f][)\"'\u201d\u2019\uff09\u300d]*$")


def is_courtesy(text: str) -> bool:
    return len(text) < 200 and _COURTESY.search(text) is not None


def is_first_person(text: str) -> bool:
    return _FIRST_PERSON.search(text) is not None


def addresses_the_other(text: str) -> bool:
    return _YOU.search(text) is not None


def is_question(text: str) -> bool:
    return _QUESTION.search(text) is not None
