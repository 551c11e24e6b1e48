-- Words that a page brought, as far as they are new.
INSERT INTO readmodels.search_terms_v1 (workspace, term, messages)
SELECT workspace, term, 0 FROM unnest(%(workspaces)b::text[], %(terms)b::text[]) AS n (workspace, term)
ON CONFLICT DO NOTHING
