"""A NATS server without streams for each test."""

import nats
import pytest

from deploy.embedded.nats import EmbeddedNats


@pytest.fixture
async def server(nats_server: EmbeddedNats) -> EmbeddedNats:
    client = await nats.connect(nats_server.nats_url, allow_reconnect=False)
    js = client.jetstream()
    for stream in await js.streams_info():
        await js.delete_stream(str(stream.config.name))
    await client.close()
    return nats_server
