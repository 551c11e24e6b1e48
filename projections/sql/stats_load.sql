-- How the conversations that a page touches counted before it.
SELECT c.workspace, c.id, c.source, c.assistant_id, c.user_id, c.archived, c.deleted,
       c.messages, c.input_tokens, c.output_tokens, c.cost_cents
  FROM readmodels.stats_v1_conversations c
  JOIN unnest(%(workspaces)b::text[], %(ids)b::text[]) AS k (workspace, id) USING (workspace, id)
