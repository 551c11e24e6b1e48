"""Puts words to the fields of the document, and what msgspec's schemas leave open."""

from typing import Any

from services.http.words import WORDS

Json = dict[str, Any]

_TIME: Json = {"format": "date-time"}
_TEXT_OR_PARTS: Json = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "object"}},
        {"type": "null"},
    ]
}

MORE: dict[str, Json] = {
    "Message.content": _TEXT_OR_PARTS,
    "Message.tool_calls": {"type": ["array", "null"], "items": {"type": "object"}},
    "Message.extra": {"type": ["object", "null"]},
    "ConversationObject.created_at": {},
    "created_at": _TIME,
    "updated_at": _TIME,
    "last_message_at": _TIME,
    "deleted_at": _TIME,
}
"""What else holds of a field: kinds that msgspec keeps as raw JSON, times that it writes as plain strings."""


def words_for(kind: str, name: str) -> str | None:
    return WORDS.get(f"{kind}.{name}", WORDS.get(name))


def describe(components: Json) -> None:
    """Put the words into the schemas of all kinds; those that say something of their own keep it."""
    for kind, schema in components.items():
        for name, field in schema.get("properties", {}).items():
            words = words_for(kind, name)
            if words is not None:
                field.setdefault("description", words)
            more = MORE.get(f"{kind}.{name}", MORE.get(name, {}))
            for key, value in more.items():
                _text_of(field).setdefault(key, value)


def _text_of(field: Json) -> Json:
    """Where a field is text or null: the text."""
    options: list[Json] = field.get("anyOf", [])
    return next((option for option in options if option.get("type") == "string"), field)
