"""All endpoints of writes, one table."""

from domain.policy import CompactionPolicy
from eventstore.leases import KeyLeases
from eventstore.reader import LogReader
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.command.answers import Remaker
from services.command.append_at_once import AppendAtOnce
from services.command.bulk_routes import BulkRoutes
from services.command.compact_routes import CompactRoutes
from services.command.conversation_routes import ConversationRoutes
from services.command.drafts import Drafter
from services.command.handle import Handler
from services.command.handle_many import ManyHandler
from services.command.leased import Leased
from services.command.message_routes import MessageRoutes
from services.command.once import Once
from services.compaction.compactor import Compactor
from services.http.endpoint import Endpoint
from services.http.minting import Minter


def command_endpoints(  # noqa: PLR0917 - what it is wired from
    writer: GroupCommitWriter,
    reader: LogReader,
    states: States,
    drafter: Drafter,
    minter: Minter,
    default_policy: CompactionPolicy,
    compactor: Compactor,
) -> list[Endpoint]:
    handler = Handler(writer, states)
    once = Once(reader, Remaker(states, reader).remake)
    conversations = ConversationRoutes(handler, once, drafter, minter, default_policy)
    at_once = AppendAtOnce(handler, writer, states, once, drafter, minter)
    messages = MessageRoutes(handler, once, states, reader, drafter, minter, compactor, at_once)
    bulk = BulkRoutes(ManyHandler(writer, states), once, minter)
    leased = Leased(once, KeyLeases(reader.connections), minter)
    compact = CompactRoutes(handler, compactor, once, leased, minter)
    return [
        *bulk.endpoints(),
        *conversations.endpoints(),
        *messages.endpoints(),
        *compact.endpoints(),
    ]
