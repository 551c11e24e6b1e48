-- The conversations that a page touched, as they stand after it.
INSERT INTO readmodels.conversations_v1 (
    workspace, id, version, status, source, assistant_id, user_id, metadata, message_count,
    created_at, updated_at, active_at, resource, state)
SELECT workspace, id, version, status, source, assistant_id, user_id, metadata::jsonb, message_count,
       created_at, updated_at, active_at, resource, state
  FROM unnest(%(workspaces)b::text[], %(ids)b::text[], %(versions)b::bigint[], %(statuses)b::text[],
              %(sources)b::text[], %(assistants)b::text[], %(users)b::text[], %(metadata)b::text[],
              %(counts)b::bigint[], %(created)b::timestamptz[], %(updated)b::timestamptz[],
              %(active)b::timestamptz[], %(resources)b::bytea[], %(states)b::bytea[])
       AS n (workspace, id, version, status, source, assistant_id, user_id, metadata, message_count,
             created_at, updated_at, active_at, resource, state)
ON CONFLICT (workspace, id) DO UPDATE SET
    version = excluded.version, status = excluded.status, assistant_id = excluded.assistant_id,
    user_id = excluded.user_id, metadata = excluded.metadata, message_count = excluded.message_count,
    updated_at = excluded.updated_at, active_at = excluded.active_at, resource = excluded.resource,
    state = excluded.state
