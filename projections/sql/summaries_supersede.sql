-- Earlier summaries whose place a page gave to others.
UPDATE readmodels.summaries_v1 s SET superseded = true
  FROM unnest(%(workspaces)b::text[], %(conversations)b::text[], %(ids)b::text[]) AS n (workspace, conversation, id)
 WHERE s.workspace = n.workspace AND s.conversation = n.conversation AND s.id = n.id
