"""Exports as downloads."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec

from domain import ids, published
from domain import resources as res
from eventstore.reader import Connections, LogReader
from projections.queries import query
from projections.reading import Freshness
from services.http import examples_exports as examples
from services.http.decode import refuse_control
from services.http.endpoint import Answer, Call, Endpoint, Headers
from services.http.errors import bad_request
from services.http.minting import Minter
from services.query.export.body import export_body
from services.query.export.formats import writer
from services.query.export.records import Record, Records
from services.query.export.standing import PastLog
from services.query.export.writing import FORMAT, Counts, Head, Kind
from services.query.reads import NAMES, Reads, existing, headers_of
from services.query.requests import GetExport

COST = 20
"""Of the rate limits: about what an export of a few hundred messages takes beside a read."""
MEDIA_TYPES = ("application/json", "application/x-ndjson", "text/markdown")
USER_PART = b"/export/user/"
"""Of a path, before the user's id."""
LONGEST_USER = 255


class ExportedConversation(res.Conversation, frozen=True, kw_only=True):
    messages: list[res.Message]
    summaries: list[res.Summary]
    events: list[published.CloudEvent] | msgspec.UnsetType = msgspec.UNSET
    """With `include_events`."""


class ConversationExport(msgspec.Struct):
    export: Head
    data: ExportedConversation
    counts: Counts


class UserExport(msgspec.Struct):
    export: Head
    data: list[ExportedConversation]
    counts: Counts


class UserRows(msgspec.Struct, frozen=True):
    freshness: Freshness
    conversations: list[str]


class ExportRoutes:
    def __init__(
        self, reads: Reads, reader: LogReader, connections: Connections, minter: Minter
    ) -> None:
        """`reader` and `connections` are the exports' own: they keep no other read waiting."""
        self._reads = reads
        self._reader = reader
        self._records = Records(connections)
        self._minter = minter
        self._read_user = query("read_user")

    def endpoints(self) -> list[Endpoint]:
        one = "/v1/conversations/{conversation_id:str}/export"
        user = "/v1/conversations/export/user/{user_id:path}"
        return [
            Endpoint(
                *("GET", one, "export", self.export_conversation, "Export a conversation"),
                answer=ConversationExport,
                example_answer=examples.CONVERSATION_EXPORT,
                query=GetExport,
                cost=COST,
                media_types=MEDIA_TYPES,
                headers=("Content-Disposition",),
            ),
            Endpoint(
                *("GET", user, "export", self.export_user, "Export all of a user's conversations"),
                answer=UserExport,
                example_answer=examples.USER_EXPORT,
                query=GetExport,
                cost=COST,
                media_types=MEDIA_TYPES,
                headers=("Content-Disposition",),
            ),
        ]

    async def export_conversation(self, call: Call[GetExport, None]) -> Answer:
        """Download a conversation with all its messages and summaries, as it stood at one position of the log.

        As JSON, as JSON lines (a thing a line) or as Markdown for people. It is sent while it is made; one that does not
        end with `counts` is not whole. Who exported what is recorded.
        """
        rows = await self._reads.conversation(call, 0)
        existing(rows)
        name: str = call.path["conversation_id"]
        headers = headers_of(rows.freshness, rows.version)
        return self._answer(call, "conversation", name, [name], rows.freshness, headers)

    async def export_user(self, call: Call[GetExport, None]) -> Answer:
        """Download all conversations that a user holds, archived and deleted ones too: what the law asks for.

        As for one conversation. A user without conversations gives an empty export.
        """
        user = _user(call)
        values = {"workspace": call.workspace, "user": user, "names": NAMES}

        async def fetch() -> UserRows:
            (row,) = await self._reads.connections.fetch(self._read_user, values)
            checkpoint, pending, head, parked, conversations = row
            return UserRows(Freshness(checkpoint, pending, head, parked), conversations)

        rows = await self._reads.consistency.read(call, fetch)
        headers = headers_of(rows.freshness)
        return self._answer(call, "user", user, rows.conversations, rows.freshness, headers)

    def _answer(  # noqa: PLR0917 - what is asked, of what, as of when
        self,
        call: Call[GetExport, None],
        kind: Kind,
        subject: str,
        conversations: Sequence[str],
        freshness: Freshness,
        headers: Headers,
    ) -> Answer:
        asked = call.query
        now = self._minter.now()
        position = freshness.checkpoint
        head = Head(
            *(FORMAT, call.workspace, now, position),
            conversation_id=subject if kind == "conversation" else None,
            user_id=subject if kind == "user" else None,
        )
        record = Record(
            *(call.request_id, call.workspace, kind, subject, asked.format),
            *(asked.include_events, position, call.principal.key_id),
        )
        form, counts = writer(asked.format, kind), Counts()
        body = export_body(
            PastLog(self._reader, position),
            _streams(call.workspace, conversations),
            *(head, form, counts),
            include_events=asked.include_events,
        )
        name = _disposition(kind, subject, now, form.suffix)
        return Answer(
            self._records.recorded(record, counts, body),
            headers=[*headers, (b"content-disposition", name), *PRIVATE],
            media_type=form.media_type.encode(),
        )


PRIVATE = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


async def _streams(workspace: str, conversations: Sequence[str]) -> AsyncIterator[str]:
    for name in conversations:
        yield ids.stream_id(workspace, name)


def _user(call: Call[Any, None]) -> str:
    """Any string that a conversation may be held by, slashes and all. Raises ApiError (400)."""
    _, _, asked = call.target.partition(USER_PART)
    try:
        user = unquote_to_bytes(asked).decode()
    except UnicodeDecodeError:
        raise bad_request(
            "the user's id is not percent-encoded UTF-8; encode it", "invalid_encoding", "user_id"
        ) from None
    refuse_control(user, "user_id")
    if not 1 <= len(user) <= LONGEST_USER:
        raise bad_request(
            f"a user's id has 1 to {LONGEST_USER} characters", "invalid_value", "user_id"
        )
    return user


def _disposition(kind: Kind, subject: str, now: datetime, suffix: str) -> bytes:
    """A name that every system keeps, and for those that can (RFC 6266) the whole one."""
    day = f"{now:%Y-%m-%d}"
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", subject).strip("-")[:64] or "export"
    whole = quote(f"verbatim-{kind}-{subject}-{day}.{suffix}", safe="")
    plain = f"verbatim-{kind}-{safe}-{day}.{suffix}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}".encode()
