-- The read models' rows, a column a field.
CREATE TABLE typed_conversations AS
SELECT c.workspace, c.active_at, c.id, j->>'assistant_id' AS assistant_id, j->>'title' AS title, c.source, c.status,
       j->>'user_id' AS user_id, c.message_count, (j->>'total_input_tokens')::bigint AS total_input_tokens,
       (j->>'total_output_tokens')::bigint AS total_output_tokens, j->>'total_cost_cents' AS total_cost_cents,
       j->>'metadata' AS metadata, j->>'compaction' AS compaction, (j->>'context_tokens')::bigint AS context_tokens,
       c.version, c.created_at, c.updated_at, (j->>'last_message_at')::timestamptz AS last_message_at,
       (j->>'deleted_at')::timestamptz AS deleted_at
  FROM readmodels.conversations_v1 c, LATERAL (SELECT convert_from(c.resource, 'UTF8')::json) AS r (j);
ALTER TABLE typed_conversations ADD PRIMARY KEY (workspace, id);
CREATE INDEX ON typed_conversations (workspace, active_at, id);

CREATE TABLE typed_messages AS
SELECT m.workspace, m.conversation, m.sequence, j->>'id' AS id, m.role,
       convert_to((j->'content')::text, 'UTF8') AS content, convert_to((j->'tool_calls')::text, 'UTF8') AS tool_calls,
       j->>'tool_call_id' AS tool_call_id, j->>'name' AS name, j->>'model' AS model,
       j->>'finish_reason' AS finish_reason, convert_to((j->'extra')::text, 'UTF8') AS extra,
       (j->>'input_tokens')::bigint AS input_tokens, (j->>'output_tokens')::bigint AS output_tokens,
       j->>'cost_cents' AS cost_cents, (j->>'token_count')::bigint AS token_count, j->>'metadata' AS metadata,
       (j->>'created_at')::timestamptz AS created_at, m.is_pinned
  FROM readmodels.messages_v1 m, LATERAL (SELECT convert_from(m.message, 'UTF8')::json) AS r (j);
ALTER TABLE typed_messages ADD PRIMARY KEY (workspace, conversation, sequence);

GRANT SELECT ON typed_conversations, typed_messages TO verbatim_service;
ANALYZE;
