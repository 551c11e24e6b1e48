"""Wires OpenAI's Conversations API from the services of the same process that write and read."""

from eventstore.leases import KeyLeases
from services.command.leased import Leased
from services.command.once import Once
from services.command.own_keys import OwnKeys
from services.command.wiring import CommandService
from services.http.endpoint import Endpoint
from services.http.minting import Minter
from services.openai.conversation_routes import ConversationRoutes
from services.openai.drafts import ItemDrafter
from services.openai.item_routes import ItemRoutes
from services.openai.replays import ItemRemaker
from services.openai.retries import Retries
from services.query.wiring import QueryService
from services.settings import Settings


def openai_endpoints(
    settings: Settings, minter: Minter, command: CommandService, query: QueryService
) -> list[Endpoint]:
    once = Once(command.reader, ItemRemaker(command.states, command.reader).remake)
    leased = Leased(once, KeyLeases(command.reader.connections), minter)
    retries = Retries(once, leased, OwnKeys(command.reader, minter, "openai"))
    drafter = ItemDrafter(command.drafter, minter)
    conversations = ConversationRoutes(
        command.handler, once, retries, drafter, query.reads, minter, settings.policy()
    )
    items = ItemRoutes(
        command.handler,
        once,
        retries,
        drafter,
        command.states,
        command.reader,
        query.reads,
        minter,
        command.compactor,
    )
    return [*conversations.endpoints(), *items.endpoints()]
