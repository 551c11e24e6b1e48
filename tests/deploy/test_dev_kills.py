"""kill -9 of everything that can be killed."""

import os
import signal

import nats
import pytest

from tests.deploy.support import all_gone, append, command_of, descendants, kill_all, texts
from tests.running import RunningDev, running_dev, wait_until


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory):
    with running_dev(tmp_path_factory.mktemp("kills") / "data") as running:
        yield running


def test_postgres_comes_back_when_its_own_children_are_killed(dev: RunningDev) -> None:
    """It then recovers by itself: the child of ours has not ended, nothing is restarted.

    Before the others: a child that was only just started again may end where it finds no database.
    """
    append(dev, "backend", "before")
    before = dev.pids
    backend = next(pid for pid in descendants(before["postgres"]) if "verbatim" in command_of(pid))
    os.kill(backend, signal.SIGKILL)
    all_gone([backend])
    append(dev, "backend", "after")
    assert texts(dev, "backend") == ["before", "after"]
    assert dev.pids == before


@pytest.mark.parametrize(
    "name", ["command", "postgres", "nats", "projections", "relay", "compaction"]
)
def test_a_killed_child_is_started_again(dev: RunningDev, name: str) -> None:
    append(dev, name, "before")
    killed = dev.pids[name]
    others = {n: pid for n, pid in dev.pids.items() if pid != killed}
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: dev.pids[name] != killed, 60, lambda: dev.output)
    append(dev, name, "after")
    assert texts(dev, name) == ["before", "after"]
    assert {n: pid for n, pid in dev.pids.items() if n in others} == others
    assert f"{name} ended (signal SIGKILL); starting it again in " in dev.output


async def test_what_nats_has_stored_outlives_it(dev: RunningDev) -> None:
    client = await nats.connect(dev.nats_url, allow_reconnect=False)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
    await client.jetstream().publish("kept.one", b"one")
    killed = dev.pids["nats"]
    os.kill(killed, signal.SIGKILL)
    await client.close()
    wait_until(lambda: dev.pids["nats"] != killed, 60, lambda: dev.output)
    client = await nats.connect(dev.nats_url, connect_timeout=10)  # where it was before
    assert (await client.jetstream().get_last_msg("KEPT", "kept.one")).data == b"one"
    await client.jetstream().delete_stream("KEPT")
    await client.close()


def test_the_launcher_killed_and_then_everything(dev: RunningDev) -> None:
    append(dev, "launcher", "one")
    children = descendants(dev.process.pid)
    dev.process.kill()
    dev.process.wait()
    with running_dev(dev.path) as again:  # at once, while they are still ending
        all_gone(children)
        append(again, "launcher", "two")
        assert texts(again, "launcher") == ["one", "two"]
        kill_all([again.process.pid, *descendants(again.process.pid)])
        again.process.wait()
    assert (dev.path / "dev.json").exists()  # stale by now
    with running_dev(dev.path) as again:
        assert again.pids["dev"] == again.process.pid
        assert texts(again, "launcher") == ["one", "two"]
        append(again, "launcher", "three")
        assert texts(again, "launcher") == ["one", "two", "three"]
