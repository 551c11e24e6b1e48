-- By how many messages of the sample more, or fewer, words are held.
INSERT INTO readmodels.search_terms_v1 AS t (workspace, term, messages)
SELECT * FROM unnest(%(workspaces)b::text[], %(terms)b::text[], %(counts)b::int[])
ON CONFLICT (workspace, term) DO UPDATE SET messages = t.messages + excluded.messages
