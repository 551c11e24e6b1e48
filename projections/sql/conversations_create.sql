-- The tables of `conversations.v1`: one row a conversation, its public JSON ready, its state to fold on from.
CREATE TABLE IF NOT EXISTS readmodels.conversations_v1 (
    workspace text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    assistant_id text COLLATE "C",
    user_id text COLLATE "C",
    metadata jsonb NOT NULL,
    message_count bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    active_at timestamptz NOT NULL, -- last_message_at, or created_at before the first message
    resource bytea NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (workspace, id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS conversations_v1_active ON readmodels.conversations_v1 (workspace, active_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_created ON readmodels.conversations_v1 (workspace, created_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_updated ON readmodels.conversations_v1 (workspace, updated_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_count ON readmodels.conversations_v1 (workspace, message_count, id);
CREATE INDEX IF NOT EXISTS conversations_v1_user ON readmodels.conversations_v1 (workspace, user_id, active_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_user_created ON readmodels.conversations_v1 (workspace, user_id, created_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_user_updated ON readmodels.conversations_v1 (workspace, user_id, updated_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_user_count ON readmodels.conversations_v1 (workspace, user_id, message_count, id);
CREATE INDEX IF NOT EXISTS conversations_v1_day_active ON readmodels.conversations_v1 (workspace, ((created_at AT TIME ZONE 'UTC')::date), active_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_day_updated ON readmodels.conversations_v1 (workspace, ((created_at AT TIME ZONE 'UTC')::date), updated_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_day_count ON readmodels.conversations_v1 (workspace, ((created_at AT TIME ZONE 'UTC')::date), message_count, id);
CREATE INDEX IF NOT EXISTS conversations_v1_assistant ON readmodels.conversations_v1 (workspace, assistant_id, active_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_assistant_created ON readmodels.conversations_v1 (workspace, assistant_id, created_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_assistant_updated ON readmodels.conversations_v1 (workspace, assistant_id, updated_at, id);
CREATE INDEX IF NOT EXISTS conversations_v1_assistant_count ON readmodels.conversations_v1 (workspace, assistant_id, message_count, id);
CREATE INDEX IF NOT EXISTS conversations_v1_metadata ON readmodels.conversations_v1 USING gin (metadata jsonb_path_ops);
