-- The messages that a page appended.
INSERT INTO readmodels.messages_v1 (workspace, conversation, sequence, role, is_pinned, message)
SELECT * FROM unnest(%(workspaces)b::text[], %(conversations)b::text[], %(sequences)b::bigint[],
                     %(roles)b::text[], %(pinned)b::boolean[], %(messages)b::bytea[])
