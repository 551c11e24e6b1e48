"""A matrix of NATS user and subject, tried on the server that `deploy/nats/nats.conf` makes."""

import pytest

from projections.relay.jetstream import connected
from projections.relay.stream import STREAM
from tests.walls.nats_clients import as_user, raw, server
from tests.walls.nats_users import WORKSPACES, DeployedNats

__all__ = ["server"]

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
"""Who may send to what. A reader's own account lets it send what it likes: it arrives nowhere outside, as test_nats_readers.py shows."""


@pytest.mark.parametrize("user", ["relay", "compaction"])
async def test_what_a_process_may_send(server: DeployedNats, user: str) -> None:
    """Sent with a reply to nobody and a body that no request has: only the permission is tried."""
    wrong: list[str] = []
    async with raw(server, user) as say:
        for subject, allowed in PUBLISH.items():
            if subject.startswith("verbatim."):
                continue  # it would be stored; what prepares the server has tried it
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
