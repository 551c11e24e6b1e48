-- Earlier messages that a page retracted, with what the statistics must forget.
DELETE FROM readmodels.search_messages_v1 m
 USING unnest(%(workspaces)b::text[], %(conversations)b::text[], %(sequences)b::bigint[])
       AS n (workspace, conversation, sequence)
 WHERE m.workspace = n.workspace AND m.conversation = n.conversation AND m.sequence = n.sequence
RETURNING m.workspace, m.conversation, m.sequence, m.length, tsvector_to_array(m.words)
