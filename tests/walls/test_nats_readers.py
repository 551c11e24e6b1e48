"""A workspace that is read from outside: its reader gets its own messages, and reaches nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import APIError

from deploy.embedded.binaries import nats_server as program
from projections.relay.jetstream import connected
from projections.relay.readers import make_reader, remove_reader
from projections.relay.stream import STREAM
from tests.walls.nats_clients import as_user, server
from tests.walls.nats_users import WORKSPACES, DeployedNats, account_text

__all__ = ["server"]


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
