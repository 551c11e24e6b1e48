-- Add what a page began to its days.
INSERT INTO readmodels.stats_v1_days AS d (
    workspace, scope, holder, assistant_id, source, day, conversations, messages)
SELECT workspace, scope, holder, assistant_id, source, (slot AT TIME ZONE 'UTC')::date,
       sum(conversations), sum(messages)
  FROM unnest(%(workspaces)b::text[], %(scopes)b::text[], %(holders)b::text[], %(assistants)b::text[],
              %(sources)b::text[], %(slots)b::timestamptz[], %(conversations)b::bigint[], %(messages)b::bigint[])
       AS n (workspace, scope, holder, assistant_id, source, slot, conversations, messages)
 GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (workspace, scope, holder, day, assistant_id, source) DO UPDATE SET
    conversations = d.conversations + excluded.conversations, messages = d.messages + excluded.messages
