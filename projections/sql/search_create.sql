-- The tables of `search.v1`: the words of messages and titles, how common each word is, how long messages are.
CREATE TABLE IF NOT EXISTS readmodels.search_messages_v1 (
    workspace text COLLATE "C" NOT NULL,
    conversation text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    position bigint NOT NULL, -- of its event: later pages of an answer leave out what came after the first
    role text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    length integer NOT NULL, -- words, without those that say nothing
    truncated boolean NOT NULL, -- too long to be indexed whole
    words tsvector NOT NULL, -- each with a mark of its workspace in front, so that the index keeps workspaces apart
    PRIMARY KEY (workspace, conversation, sequence)
);
-- Each page empties the list of what is pending that it filled: nobody waits for another's.
CREATE INDEX IF NOT EXISTS search_messages_v1_words ON readmodels.search_messages_v1 USING gin (words) WITH (fastupdate = on);
CREATE INDEX IF NOT EXISTS search_messages_v1_created ON readmodels.search_messages_v1 (workspace, created_at);
-- One row a conversation: its title's words, and the tokens it used, to filter by.
CREATE TABLE IF NOT EXISTS readmodels.search_conversations_v1 (
    workspace text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    tokens bigint NOT NULL,
    length integer NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (workspace, id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS search_conversations_v1_words ON readmodels.search_conversations_v1 USING gin (words) WITH (fastupdate = off);
-- Every word there ever was, for the beginnings of words; `messages` counts those of the sample that hold it.
CREATE TABLE IF NOT EXISTS readmodels.search_terms_v1 (
    workspace text COLLATE "C" NOT NULL,
    term text COLLATE "C" NOT NULL,
    messages integer NOT NULL,
    PRIMARY KEY (workspace, term)
) WITH (fillfactor = 80);
CREATE TABLE IF NOT EXISTS readmodels.search_totals_v1 (
    workspace text COLLATE "C" PRIMARY KEY,
    messages bigint NOT NULL,
    sampled bigint NOT NULL,
    length bigint NOT NULL -- of all messages together
) WITH (fillfactor = 50);
