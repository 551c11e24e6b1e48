-- Titles as they stand after a page.
UPDATE readmodels.search_conversations_v1 c SET length = n.length, words = n.words::tsvector
  FROM unnest(%(workspaces)b::text[], %(ids)b::text[], %(lengths)b::int[], %(words)b::text[]) AS n (workspace, id, length, words)
 WHERE c.workspace = n.workspace AND c.id = n.id
