-- Earlier messages that a page retracted: they leave every list; the log keeps them.
DELETE FROM readmodels.messages_v1 m
 USING unnest(%(workspaces)b::text[], %(conversations)b::text[], %(sequences)b::bigint[])
       AS n (workspace, conversation, sequence)
 WHERE m.workspace = n.workspace AND m.conversation = n.conversation AND m.sequence = n.sequence
