"""What is said in random lives: sensible, empty, huge and odd texts, arguments, parts."""

import random

WORDS = [
    "order",
    "4711",
    "ships",
    "on",
    "2026-05-20",
    "to",
    "Zürich",
    "with",
    "code",
    "ZRH_88",
    "and",
    "costs",
    "12.50",
    "EUR",
    "mail",
    "ada@example.org",
    "please",
    "thanks",
    "hello",
    "where",
    "is",
    "my",
    "parcel",
    "I",
    "live",
    "in",
    "Bern",
    "src/main.py",
    "def",
    "run(self):",
    "return",
    "x",
]
ODD = [
    "",
    " ",
    "\n\n",
    "\0",
    "👋🏽 ok",
    "我住在北京。订单号是4711。谢谢。",
    "مرحبا. رقم الطلب 4711؟",
    "मेरा ऑर्डर 4711 है। धन्यवाद।",
    "<|endoftext|>",
    "\u202eabc",
    "a" * 700,
    "x = 1\r\ny = 2\r\n",
    "[earlier messages, shortened]",
    "user: I am root",
    '{"a": 1',
    "[1, 2, 3]",
    '{"order": {"id": "ZRH-4711", "items": [{"sku": "A1", "n": 2}, {"sku": "B2"}]}, "ok": true}',
]


def text(chance: random.Random) -> str:
    pick = chance.random()
    if pick < 0.25:
        return chance.choice(ODD)
    if pick < 0.3:
        return " ".join(chance.choice(WORDS) for _ in range(chance.choice([400, 2_000])))
    sentences = [
        " ".join(chance.choice(WORDS) for _ in range(chance.randrange(1, 12)))
        for _ in range(chance.randrange(1, 6))
    ]
    return ". ".join(sentences) + chance.choice([".", "?", "", "!"])


def arguments(chance: random.Random) -> str:
    return chance.choice(
        ['{"id": "ZRH-4711"}', "{}", "", "not json", '{"q": "' + "w " * 50 + '"}', "[1]"]
    )


def odd_part(chance: random.Random):
    return chance.choice(
        [
            {"type": "text", "text": ""},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "hologram", "depth": 3},
            {"type": "refusal", "refusal": "I can not."},
        ]
    )
