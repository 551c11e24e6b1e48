"""All endpoints of reads, one table."""

from eventstore.reader import LogReader
from services.compaction.contexts import Contexts
from services.http.endpoint import Endpoint
from services.http.minting import Minter
from services.query.context_routes import ContextRoutes
from services.query.conversation_routes import ConversationRoutes
from services.query.history import History
from services.query.message_routes import MessageRoutes
from services.query.preview_routes import PreviewRoutes
from services.query.reads import Reads
from services.query.search_routes import SearchRoutes
from services.query.stats_routes import StatsRoutes


def query_endpoints(
    reads: Reads, reader: LogReader, minter: Minter, contexts: Contexts, *, calls_a_model: bool
) -> list[Endpoint]:
    context = ContextRoutes(reads, History(reader), contexts)
    previews = PreviewRoutes(reads, contexts, calls_a_model=calls_a_model)
    conversations = ConversationRoutes(reads, History(reader), minter)
    messages = MessageRoutes(reads, reader)
    search = SearchRoutes(reads)
    stats = StatsRoutes(reads, minter)
    return [
        *search.endpoints(),
        *stats.endpoints(),
        *conversations.endpoints(),
        *messages.endpoints(),
        *context.endpoints(),
        *previews.endpoints(),
    ]
