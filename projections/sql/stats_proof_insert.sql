-- What the counting events of a page say.
INSERT INTO readmodels.stats_v1_facts (
    workspace, id, version, kind, at, source, assistant_id, user_id, input_tokens, output_tokens, cost_cents)
SELECT * FROM unnest(%(workspaces)b::text[], %(ids)b::text[], %(versions)b::bigint[], %(kinds)b::text[], %(created_at)b::timestamptz[],
                     %(source)b::text[], %(assistant_id)b::text[], %(user_id)b::text[], %(input_tokens)b::bigint[],
                     %(output_tokens)b::bigint[], %(cost_cents)b::numeric[])
