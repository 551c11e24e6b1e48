"""Ids that a caller may give: not those that a path of the API means something else by."""

from collections.abc import Set as AbstractSet

import msgspec

from domain.ids import IDENTIFIER
from services.http.errors import bad_request

RESERVED_CONVERSATIONS = frozenset({"bulk", "export", "search", "stats"})
"""Words that stand in a path where a conversation's id does; a test derives them from the routes."""
RESERVED_MESSAGES = frozenset({"batch"})


def may_name_conversation(text: str) -> bool:
    return IDENTIFIER.fullmatch(text) is not None and text not in RESERVED_CONVERSATIONS


def may_name_message(text: str) -> bool:
    return IDENTIFIER.fullmatch(text) is not None and text not in RESERVED_MESSAGES


def identifier(reserved: AbstractSet[str]) -> msgspec.Meta:
    """Of a field that takes such an id, for the document; what refuses a wrong one is below."""
    words = sorted(reserved)
    return msgspec.Meta(
        min_length=1,
        max_length=64,
        description=f"Letters, digits, `_` and `-`; the caller's own. Not {_listed(words)}.",
        extra_json_schema={"pattern": f"^{IDENTIFIER.pattern}$", "not": {"enum": words}},
    )


def _listed(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(words) > 1 else quoted)


def check_conversation_id(text: str | None, param: str) -> None:
    """Of a conversation that may be created. Raises ApiError (400)."""
    _check(text, RESERVED_CONVERSATIONS, param)


def check_message_id(text: str | None, param: str) -> None:
    """Of a message to append. Raises ApiError (400)."""
    _check(text, RESERVED_MESSAGES, param)


def _check(text: str | None, reserved: frozenset[str], param: str) -> None:
    if text is None:
        return
    if IDENTIFIER.fullmatch(text) is None:
        raise bad_request("an id has 1 to 64 letters, digits, `_` or `-`", "invalid_value", param)
    if text in reserved:
        raise bad_request(
            f"`{text}` is a word of the API's own paths; choose another id", "reserved_id", param
        )
