-- The tables of `stats.v1`: how each conversation counts, and what the counts add up to.
-- Counts are kept in three scopes, so that any filter reads a few rows: of the workspace (holder ''), of an assistant
-- (holder is its id), of a user (holder is the id, split by assistant; '' where there is none).
CREATE TABLE IF NOT EXISTS readmodels.stats_v1_conversations (
    workspace text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    assistant_id text COLLATE "C" NOT NULL, -- '' for none, as below
    user_id text COLLATE "C" NOT NULL,
    archived boolean NOT NULL,
    deleted boolean NOT NULL,
    messages bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_cents numeric NOT NULL,
    PRIMARY KEY (workspace, id)
) WITH (fillfactor = 80);

-- As conversations stand now.
CREATE TABLE IF NOT EXISTS readmodels.stats_v1_totals (
    workspace text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL, -- workspace, assistant, user
    holder text COLLATE "C" NOT NULL,
    assistant_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    active bigint NOT NULL,
    archived bigint NOT NULL,
    deleted bigint NOT NULL,
    messages bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_cents numeric NOT NULL,
    PRIMARY KEY (workspace, scope, holder, assistant_id, source)
) WITH (fillfactor = 50);

-- What was begun in a quarter of an hour (before 2012: in a second), under who held the conversation then.
CREATE TABLE IF NOT EXISTS readmodels.stats_v1_slots (
    workspace text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    holder text COLLATE "C" NOT NULL,
    slot timestamptz NOT NULL,
    assistant_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    conversations bigint NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (workspace, scope, holder, slot, assistant_id, source)
) WITH (fillfactor = 80);

-- The same by days of UTC, so that a day in another zone is one day and a part of two.
CREATE TABLE IF NOT EXISTS readmodels.stats_v1_days (
    workspace text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    holder text COLLATE "C" NOT NULL,
    day date NOT NULL,
    assistant_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    conversations bigint NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (workspace, scope, holder, day, assistant_id, source)
) WITH (fillfactor = 80);
