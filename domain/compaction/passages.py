"""What a model answered, looked at before anything is made of it."""

import re

from domain.compaction.tools import Tools

_APOLOGY = re.compile(
    r"^\W*(?:error\b|(?:internal )?server error|an error (?:has )?occurred|bad gateway|service unavailable|too many requests"
    r"|rate limit|i(?:'|\u2019)?m sorry\b|i am sorry\b|sorry,|i can(?:no|')t\b|i\u2019?m unable|as an ai\b|\{\s*\"error\")",
    re.IGNORECASE,
)
LONGEST_APOLOGY = 400


class UnusableSummary(Exception):  # noqa: N818 - names the finding
    """The summariser's answer is none: it is empty, an error, or no shorter than what it is about."""


def usable(text: str | None, source_tokens: int, tools: Tools) -> str:
    """The text without white space around it. Raises UnusableSummary."""
    text = (text or "").strip()
    if not text:
        raise UnusableSummary("the summariser answered nothing")
    if len(text) < LONGEST_APOLOGY and _APOLOGY.match(text):
        raise UnusableSummary("the summariser answered with an error or an apology")
    if len(text) > source_tokens * 40 or tools.count(text) >= source_tokens:
        raise UnusableSummary("the summariser's answer is longer than what it is about")
    return text
