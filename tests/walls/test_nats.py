"""A matrix of NATS user and subject, tried on the server that `deploy/nats/nats.conf` makes."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError

from deploy.embedded.binaries import nats_server as program
from projections.relay.jetstream import connected, inbox_of
from projections.relay.readers import make_reader, remove_reader
from projections.relay.stream import STREAM, Bounds, create
from services.compaction.dead_letters import DeadLetters
from services.compaction.pulling import ensure_consumer
from services.compaction.worker import consumers
from tests.walls.nats_users import WORKSPACES, DeployedNats, account_text, deployed_nats

PATIENCE = 60.0
DEAD = "VERBATIM_DEAD_LETTERS"
USERS = ("relay", "compaction", "acme-analytics", "rival-analytics")
READERS = {f"{each}-analytics" for each in WORKSPACES}
OTHERS = ("KV_other", "other")

PUBLISH: dict[str, set[str]] = {
    "verbatim.v1.acme.c.MessageAppended": {"relay"} | READERS,
    "verbatim.dead.v1.compaction.acme.c": {"compaction"} | READERS,
    **{
        f"$JS.API.STREAM.{verb}.{STREAM}": {"relay"}
        for verb in ("INFO", "CREATE", "UPDATE", "DELETE", "MSG.GET")
    },
    **{
        f"$JS.API.STREAM.{verb}.{STREAM}": set[str]()
        for verb in ("PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN")
    },
    **{f"$JS.API.STREAM.{verb}.{DEAD}": {"compaction"} for verb in ("INFO", "CREATE")},
    **{f"$JS.API.STREAM.{verb}.{DEAD}": set[str]() for verb in ("PURGE", "DELETE", "UPDATE")},
    **{f"$JS.API.STREAM.CREATE.{other}": set[str]() for other in OTHERS},
    "$JS.API.STREAM.NAMES": set(),
    "$JS.API.STREAM.LIST": set(),
    f"$JS.API.DIRECT.GET.{STREAM}": set(),
    f"$JS.API.CONSUMER.LIST.{STREAM}": {"relay"},
    f"$JS.API.CONSUMER.NAMES.{STREAM}": set(),
    f"$JS.API.CONSUMER.CREATE.{STREAM}": set(),
    f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.compaction": set(),
    f"$JS.API.CONSUMER.CREATE.{STREAM}.compaction.verbatim.v1.*.*.MessageAppended": {
        "relay",
        "compaction",
    },
    f"$JS.API.CONSUMER.CREATE.{STREAM}.compaction_policies.verbatim.v1.*.*.CompactionPolicyChanged": {
        "relay",
        "compaction",
    },
    **{
        f"$JS.API.CONSUMER.CREATE.{STREAM}.{name}{wider}": {"relay"}
        for name in ("compaction", "compaction_policies")
        for wider in ("", ".verbatim.>")
    },
    f"$JS.API.CONSUMER.CREATE.{STREAM}.mine.verbatim.v1.acme.>": {"relay"},
    **{
        subject.format(name=name): allowed
        for name in ("compaction", "compaction_policies")
        for subject, allowed in {
            f"$JS.API.CONSUMER.INFO.{STREAM}.{{name}}": {"relay", "compaction"},
            f"$JS.API.CONSUMER.DELETE.{STREAM}.{{name}}": {"relay"},
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{{name}}": {"compaction"},
            f"$JS.ACK.{STREAM}.{{name}}.1.1.1.1.1": {"compaction"},
        }.items()
    },
    **{
        f"$JS.API.CONSUMER.{verb}.{STREAM}.workspace_{each}": allowed
        for each in WORKSPACES
        for verb, allowed in (
            ("INFO", {"relay"}),
            ("MSG.NEXT", {f"{each}-analytics"}),
            ("DELETE", {"relay"}),
        )
    },
    "$SYS.REQ.SERVER.PING": set(),
}
"""Who may send to what. A reader's own account lets it send what it likes: it arrives nowhere outside, as is shown below."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedNats]:
    with deployed_nats(tmp_path_factory.mktemp("nats")) as running:
        asyncio.run(_prepare(running))
        yield running


async def _prepare(server: DeployedNats) -> None:
    """As the processes do it, each with its own user."""
    async with connected(server.url("relay"), "test") as relay:
        await create(relay.js, Bounds(seconds=1e9, bytes=1 << 24), 1)
        for n in range(12):
            workspace = ("acme", "rival", "third")[n % 3]
            await relay.js.publish(f"verbatim.v1.{workspace}.c.MessageAppended", b'{"n":%d}' % n)
    for workspace in WORKSPACES:
        assert await make_reader(server.url("relay"), workspace) == f"workspace_{workspace}"
    async with connected(server.url("compaction"), "test") as worker:
        await DeadLetters(worker.js).prepare()
        for config in consumers():
            await ensure_consumer(worker, STREAM, config)


class User:
    """A client, and what the server refused it."""

    def __init__(self) -> None:
        self.client = Client()
        self._refused: asyncio.Queue[Exception] = asyncio.Queue()

    async def refuse(self, error: Exception) -> None:
        self._refused.put_nowait(error)

    async def ask(self, subject: str, body: bytes = b"") -> Any:
        """None where nobody answers, or with an error, or where asking is refused: the server tells each."""
        while not self._refused.empty():
            self._refused.get_nowait()
        answer = asyncio.ensure_future(self.client.request(subject, body, timeout=PATIENCE))
        refusal = asyncio.ensure_future(self._refused.get())
        await asyncio.wait({answer, refusal}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            assert "permissions violation" in str(refusal.result()).lower()
            return None
        refusal.cancel()
        try:
            reply = json.loads((await answer).data)
        except nats.errors.NoRespondersError:
            return None
        return None if "error" in reply else reply

    async def pull(self, consumer: str) -> list[Msg]:
        """All that the consumer has now, until the server says so; empty where it is not this user's."""
        inbox = self.client.new_inbox()
        subscription = await self.client.subscribe(inbox)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"
        await self.client.publish(subject, b'{"batch":100,"no_wait":true}', reply=inbox)
        found: list[Msg] = []
        while "Status" not in ((got := await subscription.next_msg(PATIENCE)).headers or {}):
            found.append(got)
        await subscription.unsubscribe()
        return found


@asynccontextmanager
async def as_user(server: DeployedNats, name: str) -> AsyncIterator[User]:
    url = server.url(name)
    user = User()
    await user.client.connect(
        url, inbox_prefix=inbox_of(url), allow_reconnect=False, error_cb=user.refuse
    )
    try:
        yield user
    finally:
        await user.client.close()


@asynccontextmanager
async def raw(server: DeployedNats, user: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """The bare protocol: sends a line, gives all that the server says to it."""
    address = urlsplit(server.url(user))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    async def say(line: str) -> str:
        writer.write(f"{line}\r\nPING\r\n".encode() if line else b"PING\r\n")
        return (await reader.readuntil(b"PONG\r\n")).decode()

    try:
        given = {"user": address.username, "pass": address.password, "verbose": False}
        assert "-ERR" not in await say(f"CONNECT {json.dumps(given)}")
        yield say
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("user", ["relay", "compaction"])
async def test_what_a_process_may_send(server: DeployedNats, user: str) -> None:
    """Sent with a reply to nobody and a body that no request has: only the permission is tried."""
    wrong: list[str] = []
    async with raw(server, user) as say:
        for subject, allowed in PUBLISH.items():
            if subject.startswith("verbatim."):
                continue  # it would be stored; _prepare has tried it
            refused = "Permissions Violation" in await say(f"PUB {subject} 1\r\n?")
            if refused == (user in allowed):
                wrong.append(f"{'refused' if refused else 'allowed'}: {subject}")
    assert wrong == []


@pytest.mark.parametrize("user", USERS)
async def test_what_answers_to_whom(server: DeployedNats, user: str) -> None:
    """Requests that read: who gets an answer that is no error."""
    wrong: list[str] = []
    async with as_user(server, user) as asking:
        for subject, allowed in PUBLISH.items():
            if not any(verb in subject for verb in (".INFO.", ".LIST", ".NAMES", ".PING")):
                continue
            answer = await asking.ask(subject)
            if (answer is not None) != (user in allowed):
                wrong.append(f"{subject}: {answer}")
    assert wrong == []


@pytest.mark.parametrize("user", USERS)
async def test_what_each_may_hear(server: DeployedNats, user: str) -> None:
    own = f"_INBOX.{user}.>"
    mine = user in READERS  # in an account of its own, where nothing else is
    async with raw(server, user) as say:
        for n, subject in enumerate(
            (own, ">", "_INBOX.>", "_INBOX.relay.>", "verbatim.v1.>", "$JS.>", "$SYS.>")
        ):
            allowed = "Permissions Violation" not in await say(f"SUB {subject} {n}")
            assert allowed == (mine or subject == own or subject == f"_INBOX.{user}.>"), subject
        async with connected(server.url("relay"), "test") as relay:
            await relay.js.publish("verbatim.v1.third.c.MessageAppended", b"{}")
        assert "MSG verbatim" not in await say("")


@pytest.mark.parametrize("workspace", WORKSPACES)
async def test_a_reader_gets_its_own_workspace_and_no_other(
    server: DeployedNats, workspace: str
) -> None:
    other = WORKSPACES[1 - WORKSPACES.index(workspace)]
    async with as_user(server, f"{workspace}-analytics") as reader:
        messages = await reader.pull(f"workspace_{workspace}")
        subjects = [message.subject for message in messages]
        assert subjects == [f"verbatim.v1.{workspace}.c.MessageAppended"] * 4
        for message in messages:
            await message.ack()
        for name in (f"workspace_{other}", "compaction"):
            assert await reader.pull(name) == []


@pytest.mark.parametrize(
    "filter_subject", ["", ">", "verbatim.v1.>", "verbatim.v1.rival.>", "verbatim.v1.acme.>"]
)
async def test_a_reader_makes_no_consumer(server: DeployedNats, filter_subject: str) -> None:
    """Not a wider one, none at all: it could send its messages into others' subjects. Nor does it widen its own."""
    async with as_user(server, "acme-analytics") as reader:
        for name in ("mine", "workspace_acme"):
            config = {"durable_name": name, "name": name, "ack_policy": "explicit"}
            config |= {"filter_subject": filter_subject} if filter_subject else {}
            body = json.dumps({"stream_name": STREAM, "config": config}).encode()
            for subject in (
                f"$JS.API.CONSUMER.CREATE.{STREAM}.{name}.{filter_subject}".rstrip("."),
                f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{name}",
                f"$JS.API.CONSUMER.CREATE.{STREAM}",
            ):
                assert await reader.ask(subject, body) is None, subject
    async with connected(server.url("relay"), "test") as relay:
        names = {info.name for info in await relay.js.consumers_info(STREAM)}
        own = {"compaction", "compaction_policies"}
        assert names == own | {"workspace_acme", "workspace_rival"}
        info = await relay.js.consumer_info(STREAM, "workspace_acme")
        assert info.config.filter_subject == "verbatim.v1.acme.>"


async def test_what_a_reader_sends_stays_in_its_account(server: DeployedNats) -> None:
    """Nor can a pull's reply be set on somebody else's subject."""
    async with (
        connected(server.url("relay"), "test") as relay,
        as_user(server, "rival-analytics") as reader,
    ):
        before = (await relay.js.stream_info(STREAM)).state
        heard: list[bytes] = []

        async def hear(message: Any) -> None:
            heard.append(message.data)

        inbox = relay.client.new_inbox()
        await relay.subscribe(inbox, hear)
        await reader.client.publish("verbatim.v1.rival.c.MessageAppended", b"{}")
        await reader.client.publish("verbatim.dead.v1.compaction.rival.c", b"{}")
        pull = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.workspace_rival"
        body = b'{"batch":2,"no_wait":true}'
        for reply in (
            inbox,
            f"$JS.API.STREAM.PURGE.{STREAM}",
            "verbatim.v1.acme.c.MessageAppended",
        ):
            await make_reader(server.url("relay"), "rival")  # from the first position again
            await reader.client.publish(pull, body, reply=reply)
            await reader.pull("workspace_rival")  # pulls are answered in turn: that one has been
        await relay.client.flush()
        after = (await relay.js.stream_info(STREAM)).state
        assert (after.messages, after.last_seq) == (before.messages, before.last_seq)
        assert heard == []


@pytest.mark.parametrize("consumer", ["workspace_rival", "compaction", "*", "workspace_acme2"])
def test_an_account_cannot_take_another_consumer(tmp_path: Path, consumer: str) -> None:
    """The server refuses the configuration itself."""
    server = DeployedNats.__new__(DeployedNats)
    server._data = tmp_path
    server._memory = type("Memory", (), {"nats_port": 1})()  # type: ignore[assignment]
    server.accounts = account_text("acme", consumer)
    (tmp_path / "nats.conf").write_text(server._configuration())
    ended = subprocess.run(
        [program(), "-c", tmp_path / "nats.conf", "-t"], capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "not authorized" in ended.stderr or "import" in ended.stderr


async def test_a_reader_is_removed(server: DeployedNats) -> None:
    url = server.url("relay")
    await make_reader(url, "third")
    assert await remove_reader(url, "third")
    assert not await remove_reader(url, "third")
    async with connected(url, "test") as relay:
        with pytest.raises(APIError):
            await relay.js.consumer_info(STREAM, "workspace_third")
