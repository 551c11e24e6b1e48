-- How they count after it.
INSERT INTO readmodels.stats_v1_conversations AS c (
    workspace, id, source, assistant_id, user_id, archived, deleted, messages, input_tokens, output_tokens, cost_cents)
SELECT * FROM unnest(%(workspaces)b::text[], %(ids)b::text[], %(sources)b::text[], %(assistants)b::text[],
                     %(users)b::text[], %(archived)b::boolean[], %(deleted)b::boolean[], %(messages)b::bigint[],
                     %(inputs)b::bigint[], %(outputs)b::bigint[], %(costs)b::numeric[])
ON CONFLICT (workspace, id) DO UPDATE SET
    assistant_id = excluded.assistant_id, user_id = excluded.user_id, archived = excluded.archived,
    deleted = excluded.deleted, messages = excluded.messages, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, cost_cents = excluded.cost_cents
