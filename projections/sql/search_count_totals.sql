-- By how many messages, and how many words, workspaces have grown or shrunk.
INSERT INTO readmodels.search_totals_v1 AS t (workspace, messages, sampled, length)
SELECT * FROM unnest(%(workspaces)b::text[], %(messages)b::bigint[], %(sampled)b::bigint[], %(lengths)b::bigint[])
ON CONFLICT (workspace) DO UPDATE SET
    messages = t.messages + excluded.messages, sampled = t.sampled + excluded.sampled, length = t.length + excluded.length
