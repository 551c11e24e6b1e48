-- The states of the conversations that a page touches.
SELECT c.workspace, c.id, c.state
  FROM readmodels.conversations_v1 c
  JOIN unnest(%(workspaces)b::text[], %(ids)b::text[]) AS k (workspace, id) USING (workspace, id)
