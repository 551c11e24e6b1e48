-- The summaries that a page made.
INSERT INTO readmodels.summaries_v1 (workspace, conversation, version, id, superseded, summary, told)
SELECT * FROM unnest(%(workspaces)b::text[], %(conversations)b::text[], %(versions)b::bigint[], %(ids)b::text[],
                     %(superseded)b::boolean[], %(summaries)b::bytea[], %(tolds)b::bytea[])
