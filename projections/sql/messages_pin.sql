-- Earlier messages that a page pinned or unpinned.
UPDATE readmodels.messages_v1 m SET is_pinned = n.pinned
  FROM unnest(%(workspaces)b::text[], %(conversations)b::text[], %(sequences)b::bigint[], %(pinned)b::boolean[])
       AS n (workspace, conversation, sequence, pinned)
 WHERE m.workspace = n.workspace AND m.conversation = n.conversation AND m.sequence = n.sequence
