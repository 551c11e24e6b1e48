-- The table of `messages.v1`: one row a message, its JSON ready but for what can change.
CREATE TABLE IF NOT EXISTS readmodels.messages_v1 (
    workspace text COLLATE "C" NOT NULL,
    conversation text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    role text COLLATE "C" NOT NULL,
    is_pinned boolean NOT NULL,
    message bytea NOT NULL,
    PRIMARY KEY (workspace, conversation, sequence)
);
CREATE INDEX IF NOT EXISTS messages_v1_pinned
    ON readmodels.messages_v1 (workspace, conversation, sequence) WHERE is_pinned;
