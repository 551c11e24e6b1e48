"""Errors of bodies: the place as `param`, what may stand there in the message."""

import json
from typing import Any

import pytest

from services.command.requests import AppendBatch, CreateConversation, PatchConversation
from services.http.decode import body_decoder
from services.http.errors import ApiError


def nested(depth: int) -> bytes:
    return b'{"messages":[{"role":"user","content":' + b"[" * depth + b"]" * depth + b"}]}"


@pytest.mark.parametrize(
    ("kind", "body", "param", "code"),
    [
        (CreateConversation, b"", None, "empty_body"),
        (CreateConversation, b" \n", None, "empty_body"),
        (CreateConversation, b"{", None, "invalid_json"),
        (CreateConversation, b"{}{}", None, "invalid_json"),
        (CreateConversation, b"\xef\xbb\xbf{}", None, "invalid_json"),
        (CreateConversation, b'{"title":NaN}', None, "invalid_json"),
        (CreateConversation, b"[]", None, "invalid_value"),
        (CreateConversation, b"null", None, "invalid_value"),
        (CreateConversation, b'{"titel":"x"}', "titel", "unknown_field"),
        (CreateConversation, b'{"a\\u0000`b":1}', "a?`b", "unknown_field"),
        (CreateConversation, b'{"compaction":{"x":1}}', "compaction.x", "unknown_field"),
        (
            CreateConversation,
            b'{"messages":[{"role":"user","x":1}]}',
            "messages[0].x",
            "unknown_field",
        ),
        (
            CreateConversation,
            b'{"messages":[{"content":"x"}]}',
            "messages[0].role",
            "missing_field",
        ),
        (CreateConversation, b'{"metadata":{"":"x"}}', "metadata", "invalid_value"),
        (CreateConversation, b'{"metadata":{"a":1}}', "metadata.a", "invalid_value"),
        (CreateConversation, b'{"metadata":{"a":"x","b.c":null}}', "metadata.b.c", "invalid_value"),
        (
            CreateConversation,
            b' {"metadata" : {"a":"", "b[`]" : [] }}',
            "metadata.b[`]",
            "invalid_value",
        ),
        (
            CreateConversation,
            b'{"metadata":{"[...]\\n\\u2028":[1e999]}}',
            "metadata.[...]??",
            "invalid_value",
        ),
        (CreateConversation, b'{"metadata":{"a":1,"b":2,"a":"x"}}', "metadata.b", "invalid_value"),
        (CreateConversation, b'{"metadata":{"a":1,"a":"x"}}', "metadata", "invalid_value"),
        (
            CreateConversation,
            b'{"metadata":{"a":"x","b":"%b","c":1}}' % (b"\\ud83d\\ude00" * 513),
            "metadata.b",
            "invalid_value",
        ),
        (
            CreateConversation,
            b'{"messages":[{"role":"user"},{"role":"user","metadata":{"k":true}}]}',
            "messages[1].metadata.k",
            "invalid_value",
        ),
        (CreateConversation, b'{"metadata":{"a":1},"metadata":5}', "metadata", "invalid_value"),
        (
            CreateConversation,
            b'{"messages":[{"role":"user","metadata":{"k":1}}],"messages":[]}',
            "messages[0].metadata",
            "invalid_value",
        ),
        (PatchConversation, b'{"metadata":{"a":null,"b":3}}', "metadata.b", "invalid_value"),
        (CreateConversation, b'{"title":"\\ud800"}', None, "invalid_encoding"),
        (CreateConversation, b'{"title":"\\udc00\\ud800"}', None, "invalid_encoding"),
        (CreateConversation, b'{"title":"\xff"}', None, "invalid_encoding"),
        (CreateConversation, nested(30), None, "nesting_too_deep"),
        (CreateConversation, b"[" * 100_000, None, "nesting_too_deep"),
        (AppendBatch, b"{}", "messages", "missing_field"),
        (PatchConversation, b'{"source":"api"}', "source", "unknown_field"),
        (PatchConversation, b'{"metadata":null}', "metadata", "invalid_value"),
        (PatchConversation, b'{"status":null}', "status", "invalid_value"),
    ],
)
def test_what_is_refused(kind: Any, body: bytes, param: str | None, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        body_decoder(kind)(body)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


def test_limits_that_are_just_kept() -> None:
    assert body_decoder(CreateConversation)(nested(29)).messages
    smile = b'{"title":"\\ud83d\\ude00 \\\\ud800"}'
    assert body_decoder(CreateConversation)(smile).title == "\U0001f600 \\ud800"
    pairs = {"k" * 64: "\U0001f600" * 512} | {str(n): "" for n in range(15)}
    body = json.dumps({"metadata": pairs}).encode()
    assert body_decoder(CreateConversation)(body).metadata == pairs


def test_choices_are_told() -> None:
    for body, told in (
        (b'{"source":"x"}', "expected one of api, playground, widget"),
        (
            b'{"messages":[{"role":"bot"}]}',
            "expected one of assistant, developer, system, tool, user",
        ),
        (b'{"compaction":{"strategy":"x"}}', "expected one of hybrid, none"),
    ):
        with pytest.raises(ApiError) as caught:
            body_decoder(CreateConversation)(body)
        assert caught.value.message.startswith(told)
