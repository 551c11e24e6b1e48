-- Conversations that a page started, and the tokens that their messages used.
INSERT INTO readmodels.search_conversations_v1 AS c (workspace, id, tokens, length, words)
SELECT workspace, id, tokens, 0, ''::tsvector
  FROM unnest(%(workspaces)b::text[], %(ids)b::text[], %(tokens)b::bigint[]) AS n (workspace, id, tokens)
ON CONFLICT (workspace, id) DO UPDATE SET tokens = c.tokens + excluded.tokens
