"""Wires the gateway from settings."""

from typing import Any

from eventstore.leases import KeyLeases
from services.command.answers import Remaker
from services.command.leased import Leased
from services.command.once import Once
from services.command.wiring import CommandService
from services.compaction.contexts import Contexts
from services.gateway.answers import Answers
from services.gateway.attempts import Attempts
from services.gateway.chat_routes import ChatRoutes
from services.gateway.context import ContextBuilder
from services.gateway.models import Models
from services.gateway.recording import Recorder
from services.gateway.turns import Turns
from services.gateway.upstream import Upstream
from services.http.endpoint import Endpoint
from services.http.minting import Minter
from services.openai.wiring import openai_endpoints
from services.query.wiring import QueryService
from services.settings import Settings


class GatewayService:
    """Writes and reads through services of the same process, which start before it and stop after it."""

    def __init__(
        self, settings: Settings, minter: Minter, command: CommandService, query: QueryService
    ) -> None:
        self._upstream = Upstream(settings)
        contexts = Contexts(command.reader, command.tokenizers)
        recorder = Recorder(
            command.handler,
            command.states,
            contexts.loader,
            command.reader,
            minter,
            settings.policy(),
        )
        once = Once(command.reader, Remaker(command.states, command.reader).remake)
        leased = Leased(once, KeyLeases(command.reader.connections), minter)
        self._chat = ChatRoutes(
            Models(settings),
            self._upstream,
            Attempts(command.reader, leased, minter, settings.upstream_total_seconds),
            Turns(recorder, command.drafter, minter),
            ContextBuilder(contexts),
            recorder,
            Answers(command.drafter, minter),
        )
        self.endpoints: list[Endpoint] = [
            *self._chat.endpoints(),
            *openai_endpoints(settings, minter, command, query),
        ]

    async def start(self) -> None:
        """Nothing is opened before it is needed."""

    async def stop(self) -> None:
        await self._chat.stop()
        await self._upstream.stop()

    @property
    def is_behind(self) -> bool:
        """What it needs of the database the services below it tell."""
        return False

    async def check(self) -> dict[str, Any]:
        """For health: the models' services are not this process's to vouch for."""
        return {}
