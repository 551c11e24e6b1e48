-- The words of the messages that a page appended.
INSERT INTO readmodels.search_messages_v1 (
    workspace, conversation, sequence, position, role, created_at, length, truncated, words)
SELECT workspace, conversation, sequence, position, role, created_at, length, truncated, words::tsvector
  FROM unnest(%(workspaces)b::text[], %(conversations)b::text[], %(sequences)b::bigint[], %(positions)b::bigint[],
              %(roles)b::text[], %(created)b::timestamptz[], %(lengths)b::int[], %(truncated)b::boolean[], %(words)b::text[])
       AS n (workspace, conversation, sequence, position, role, created_at, length, truncated, words)
