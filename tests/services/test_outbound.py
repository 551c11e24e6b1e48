"""Services of models are reached only where they may be, whatever a name says."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.compaction.openai_model import Endpoint, OpenAIModel
from services.compaction.writing import SummarizerFailed
from services.gateway.models import Models
from services.gateway.upstream import Upstream
from services.http.errors import ApiError
from services.outbound import checked_transport, may_reach
from services.settings import Settings
from tests.services.compaction.models import Model, running_model

HOME = ["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1"]
HOME += ["100.64.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "198.18.0.1"]
NEVER = ["169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1"]
NEVER += ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"]
WORLD = ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", HOME)
def test_private_addresses_only_where_allowed(address: str) -> None:
    assert may_reach(address, private=True)
    assert not may_reach(address, private=False)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_that_are_never_reached(address: str) -> None:
    assert not may_reach(address, private=True)
    assert not may_reach(address, private=False)


@pytest.mark.parametrize("address", WORLD)
def test_all_others_are(address: str) -> None:
    assert may_reach(address, private=False)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with running_model() as running:
        yield running


class Names:
    """The resolver of one event loop: each look at a name takes its next answer."""

    def __init__(self, loop: Any, *answers: str) -> None:
        self._loop = loop
        self._answers = list(answers)
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answer.split()
        ]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Any:
    def answering(*answers: str) -> Names:
        loop = asyncio.get_running_loop()
        made = Names(loop, *answers)
        monkeypatch.setattr(loop, "getaddrinfo", made.getaddrinfo)
        return made

    return answering


async def get(url: str, *, private: bool) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=checked_transport(private=private), trust_env=False
    ) as client:
        return await client.get(url)


async def test_the_connection_goes_where_the_name_was_checked(model: Model, names: Any) -> None:
    """It is asked once: what it says afterwards, to whoever rebinds it, does not count."""
    port = model.address.rpartition(":")[2]
    asked = names("127.0.0.1", "169.254.169.254").asked
    answer = await get(f"http://models.example:{port}/x", private=True)
    assert answer.status_code == 404  # the server's own answer
    assert asked == ["models.example"]


@pytest.mark.parametrize("answer", ["127.0.0.1", "10.0.0.1 127.0.0.1", "::1"])
async def test_a_name_of_a_private_address(
    model: Model, names: Any, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = model.address.rpartition(":")[2]
    names(answer)
    model.asked.clear()
    with pytest.raises(httpx.ConnectError, match="not allowed"):
        await get(f"http://models.example:{port}/x", private=False)
    assert model.asked == []
    assert "VERBATIM_ALLOW_PRIVATE_MODELS" in caplog.text


async def test_of_several_addresses_only_good_ones_are_tried(model: Model, names: Any) -> None:
    port = model.address.rpartition(":")[2]
    names("169.254.169.254 127.0.0.1")
    assert (await get(f"http://models.example:{port}/x", private=True)).status_code == 404


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]"]
)
async def test_spellings_of_this_machine(model: Model, host: str) -> None:
    """The system's resolver reads them all; what it makes of them is checked."""
    port = model.address.rpartition(":")[2]
    model.asked.clear()
    with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
        await get(f"http://{host}:{port}/x", private=False)
    assert model.asked == []


def test_by_default_only_production_keeps_out() -> None:
    assert Settings().private_models
    assert not Settings(environment="production").private_models
    assert Settings(environment="production", allow_private_models=True).private_models
    assert not Settings(allow_private_models=False).private_models


async def test_the_summariser(model: Model) -> None:
    for private in (False, True):
        endpoint = Endpoint(f"{model.address}/v1", "", "m", 5.0, 0, 1_000, private)
        summarising = OpenAIModel(endpoint)
        try:
            if private:
                assert await summarising.complete("s", "t", 10) == model.text
            else:
                with pytest.raises(SummarizerFailed, match="cannot be reached"):
                    await summarising.complete("s", "t", 10)
        finally:
            await summarising.close()


async def test_the_gateway(model: Model) -> None:
    for private in (False, True):
        settings = Settings(upstream_base_url=f"{model.address}/v1", allow_private_models=private)
        upstream = Upstream(settings)
        try:
            if private:
                async with upstream.answering(Models(settings).target("m"), b"{}") as reply:
                    assert b"choices" in await reply.whole()
            else:
                with pytest.raises(ApiError) as raised:
                    async with upstream.answering(Models(settings).target("m"), b"{}"):
                        pass
                assert (raised.value.status, raised.value.code) == (502, "upstream_unreachable")
        finally:
            await upstream.stop()


async def test_no_redirect_is_followed_by_the_gateway(model: Model) -> None:
    settings = Settings(upstream_base_url=f"{model.address}/v1")
    upstream = Upstream(settings)
    model.behaviour = "redirect"
    model.asked.clear()
    try:
        with pytest.raises(ApiError) as raised:
            async with upstream.answering(Models(settings).target("m"), b"{}"):
                pass
        assert raised.value.status == 502
        assert [asked["path"] for asked in model.asked] == ["/v1/chat/completions"]
    finally:
        model.behaviour = "well"
        await upstream.stop()


def test_every_target_is_from_the_settings() -> None:
    """Whatever a request asks for as its model, the address is one that was set."""
    models = Models(Settings(upstream_base_url="https://models.example/v1"))
    for name in ("http://169.254.169.254/", "//evil.example", "../../x", "m@evil.example", "a?b#c"):
        assert models.target(name).url == "https://models.example/v1/chat/completions"
