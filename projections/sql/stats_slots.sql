-- Add what a page began to its slots.
INSERT INTO readmodels.stats_v1_slots AS s (
    workspace, scope, holder, assistant_id, source, slot, conversations, messages)
SELECT * FROM unnest(%(workspaces)b::text[], %(scopes)b::text[], %(holders)b::text[], %(assistants)b::text[],
                     %(sources)b::text[], %(slots)b::timestamptz[], %(conversations)b::bigint[], %(messages)b::bigint[])
ON CONFLICT (workspace, scope, holder, slot, assistant_id, source) DO UPDATE SET
    conversations = s.conversations + excluded.conversations, messages = s.messages + excluded.messages
