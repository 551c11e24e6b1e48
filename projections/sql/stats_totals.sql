-- Add a page's differences to the totals.
INSERT INTO readmodels.stats_v1_totals AS t (
    workspace, scope, holder, assistant_id, source, active, archived, deleted,
    messages, input_tokens, output_tokens, cost_cents)
SELECT * FROM unnest(%(workspaces)b::text[], %(scopes)b::text[], %(holders)b::text[], %(assistants)b::text[],
                     %(sources)b::text[], %(active)b::bigint[], %(archived)b::bigint[], %(deleted)b::bigint[],
                     %(messages)b::bigint[], %(inputs)b::bigint[], %(outputs)b::bigint[], %(costs)b::numeric[])
ON CONFLICT (workspace, scope, holder, assistant_id, source) DO UPDATE SET
    active = t.active + excluded.active, archived = t.archived + excluded.archived,
    deleted = t.deleted + excluded.deleted, messages = t.messages + excluded.messages,
    input_tokens = t.input_tokens + excluded.input_tokens, output_tokens = t.output_tokens + excluded.output_tokens,
    cost_cents = t.cost_cents + excluded.cost_cents
