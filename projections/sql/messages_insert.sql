-- The messages that a page appended.
INSERT INTO readmodels.messages_v1 (workspace, conversation, sequence, role, is_pinned, message)
SELECT * FROM unnest(%(workspaces)s::text[], %(conversations)s::text[], %(sequences)s::bigint[],
                     %(roles)s::text[], %(pinned)s::boolean[], %(messages)s::bytea[])
