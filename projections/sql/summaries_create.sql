-- The table of `summaries.v1`: one row a summary; `told` is what a context needs of it.
CREATE TABLE IF NOT EXISTS readmodels.summaries_v1 (
    workspace text COLLATE "C" NOT NULL,
    conversation text COLLATE "C" NOT NULL,
    version bigint NOT NULL, -- of the compaction's event
    id text COLLATE "C" NOT NULL,
    superseded boolean NOT NULL,
    summary bytea NOT NULL,
    told bytea NOT NULL,
    PRIMARY KEY (workspace, conversation, version)
);
