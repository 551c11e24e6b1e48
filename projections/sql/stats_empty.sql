-- Forget totals that the last conversation has left.
DELETE FROM readmodels.stats_v1_totals t
 USING unnest(%(workspaces)b::text[], %(scopes)b::text[], %(holders)b::text[], %(assistants)b::text[],
              %(sources)b::text[]) AS k (workspace, scope, holder, assistant_id, source)
 WHERE t.workspace = k.workspace AND t.scope = k.scope AND t.holder = k.holder AND t.assistant_id = k.assistant_id
   AND t.source = k.source AND t.active = 0 AND t.archived = 0 AND t.deleted = 0
