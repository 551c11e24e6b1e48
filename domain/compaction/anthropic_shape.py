"""A context as Anthropic's messages take it.

`system` stands apart; neighbours of one role are one message, the first of them the user's; results open the
message after their calls; ids are unique; no text is blank. What that API has no place for is named in a text.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from domain.compaction.entries import Entry, Group
from domain.compaction.flatten import parsed
from domain.compaction.turns import Turns
from domain.tokens import MISSING_RESULT

BEGINNING = "[conversation starts]"
"""Said by the user where the conversation begins with the assistant."""
EMPTY = "[empty message]"

Block = dict[str, Any]

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_DATA_URL = re.compile(r"data:([a-zA-Z0-9.+/-]+);base64,")


class AnthropicMessage(msgspec.Struct, frozen=True):
    role: str
    content: list[Block]


class AnthropicContext(msgspec.Struct, frozen=True):
    system: list[Block]
    messages: list[AnthropicMessage]


def anthropic_context(turns: Turns) -> AnthropicContext:
    system = [
        block
        for group in turns.groups()
        for entry in group.entries
        if entry.is_instruction
        for block in _blocks(entry)
    ]
    merged: list[AnthropicMessage] = []
    for role, blocks in _said(turns):
        if merged and merged[-1].role == role:
            merged[-1].content.extend(blocks)
        else:
            merged.append(AnthropicMessage(role, blocks))
    if merged and merged[0].role == "assistant":
        merged.insert(0, AnthropicMessage("user", [_text(BEGINNING)]))
    if merged and merged[-1].role == "assistant":
        _trim_last(merged[-1].content)
    return AnthropicContext(system, merged)


def _said(turns: Turns) -> Iterator[tuple[str, list[Block]]]:
    taken: set[str] = set()
    for group in turns.before:
        yield from _group(group, taken)
    if turns.summary is not None:
        yield "user", [_text(turns.summary.content)]
    for group in turns.after:
        yield from _group(group, taken)


def _group(group: Group, taken: set[str]) -> Iterator[tuple[str, list[Block]]]:
    first = group.entries[0]
    if first.is_instruction:
        return
    blocks = _blocks(first)
    calls, names = _calls(first, taken)
    if not blocks and not calls:
        blocks = [_text(EMPTY)]
    yield ("assistant" if first.role == "assistant" else "user"), blocks + calls
    results = [
        _result(_next(names, entry.tool_call_id), _blocks(entry)) for entry in group.entries[1:]
    ]
    results += [_result(_next(names, each), [_text(MISSING_RESULT)]) for each in group.missing]
    if results:
        yield "user", results


def _calls(entry: Entry, taken: set[str]) -> tuple[list[Block], dict[str, list[str]]]:
    """The calls, and the names that each id goes by here, in order: an id is used once in a context."""
    blocks: list[Block] = []
    names: dict[str, list[str]] = {}
    for call in entry.decoded_calls():
        match call:
            case {"id": str(call_id), "function": {"name": str(name), "arguments": str(given)}}:
                arguments = parsed(given)
            case {"id": str(call_id), "custom": {"name": str(name), "input": str(given)}}:
                arguments = None
            case {"id": str(call_id)}:
                name, given, arguments = "unknown", msgspec.json.encode(call).decode(), None
            case _:
                continue  # without an id it can have no result, and is no tool of the caller's
        unique = _unique(call_id, taken)
        names.setdefault(call_id, []).append(unique)
        blocks.append(
            {
                "type": "tool_use",
                "id": unique,
                "name": _NOT_IN_A_NAME.sub("_", name)[:128] or "unknown",
                "input": cast("Any", arguments)
                if isinstance(arguments, dict)
                else {"input": given},
            }
        )
    return blocks, names


def _unique(call_id: str, taken: set[str]) -> str:
    base = _NOT_IN_A_NAME.sub("_", call_id) or "call"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


def _next(names: dict[str, list[str]], call_id: str | None) -> str:
    return names[call_id or ""].pop(0)


def _result(name: str, blocks: list[Block]) -> Block:
    return {"type": "tool_result", "tool_use_id": name, "content": blocks or [_text(EMPTY)]}


def _blocks(entry: Entry) -> list[Block]:
    content = entry.decoded_content()
    if isinstance(content, str):
        return [_text(content)] if content.strip() else []
    return [block for part in content or () for block in _part(part)]


def _part(part: Any) -> Iterator[Block]:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            if text.strip():
                yield _text(text)
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            yield _image(url)
        case {"type": str(kind)}:
            yield _text(f"[{kind} left out]")
        case _:
            yield _text("[part left out]")


def _image(url: str) -> Block:
    data = _DATA_URL.match(url)
    if data is not None:
        source = {"type": "base64", "media_type": data[1], "data": url[data.end() :]}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _trim_last(blocks: list[Block]) -> None:
    """A last message of the assistant's is one to go on with: the API refuses white space at its end."""
    if blocks[-1]["type"] == "text":
        blocks[-1] = _text(blocks[-1]["text"].rstrip())
