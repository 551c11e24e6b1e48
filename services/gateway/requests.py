"""The body of a chat completion: OpenAI's own, and three fields of ours."""

from collections.abc import Sequence
from typing import Annotated, get_args

import msgspec

from domain.events import Role
from services.command.requests import ConversationId, Name

Fields = dict[str, msgspec.Raw]
"""An object's values as the JSON text they came in, in the order they came."""

OURS = ("conversation_id", "user_id", "assistant_id")

_fields = msgspec.json.Decoder(Fields).decode
_encode = msgspec.json.Encoder().encode


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


Limit = Annotated[int, msgspec.Meta(ge=1)]
One = Annotated[
    int, msgspec.Meta(ge=1, le=1, description="A conversation goes on with one answer.")
]


class ChatBody(msgspec.Struct):
    """OpenAI's body; fields that are not listed here go to the model's service as they came."""

    model: Name
    messages: Annotated[
        list[
            Annotated[
                msgspec.Raw,
                msgspec.Meta(
                    description="A message of OpenAI's chat completions.",
                    extra_json_schema={
                        "type": "object",
                        "properties": {"role": {"enum": list(get_args(Role))}},
                        "required": ["role"],
                    },
                ),
            ]
        ],
        msgspec.Meta(min_length=1),
    ]
    conversation_id: Annotated[
        ConversationId | None,
        msgspec.Meta(description="The conversation to go on with; created when it is unknown."),
    ] = None
    user_id: Annotated[
        Name | None, msgspec.Meta(description="Of a conversation that is created.")
    ] = None
    assistant_id: Annotated[
        Name | None, msgspec.Meta(description="Of a conversation that is created.")
    ] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: One | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None


def upstream_body(body: bytes, model: str, messages: Sequence[bytes]) -> bytes:
    """The body as the model's service gets it: without our fields, with these messages."""
    fields = {name: value for name, value in _fields(body).items() if name not in OURS}
    fields["model"] = msgspec.Raw(_encode(model))
    fields["messages"] = msgspec.Raw(b"[" + b",".join(messages) + b"]")
    return _encode(fields)


def with_conversation(answer: bytes, conversation: str) -> bytes:
    """A JSON object with the conversation's id as its first field, otherwise untouched."""
    return with_first(answer, b'"conversation_id":"%s"' % conversation.encode())


def with_first(answer: bytes, field: bytes) -> bytes:
    inside = answer.lstrip()[1:]
    comma = b"" if inside.lstrip()[:1] == b"}" else b","
    return b"{" + field + comma + inside
