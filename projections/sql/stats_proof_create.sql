-- What each counting event says by itself, for a proof of `stats.v1`: nothing is added up yet.
DROP TABLE IF EXISTS readmodels.stats_v1_facts;
CREATE TABLE readmodels.stats_v1_facts (
    workspace text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    at timestamptz, -- a start's, a message's
    source text COLLATE "C", -- a start's
    assistant_id text COLLATE "C", -- a start's, a change of hands'
    user_id text COLLATE "C",
    input_tokens bigint,
    output_tokens bigint,
    cost_cents numeric
);
