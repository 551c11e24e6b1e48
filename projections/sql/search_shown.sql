-- The messages to show of the conversations found.
SELECT m.conversation, m.message, s.truncated
  FROM unnest(%(conversations)b::text[], %(sequences)b::bigint[]) AS w (conversation, sequence)
  JOIN readmodels.messages_v1 m
    ON m.workspace = %(workspace)s AND m.conversation = w.conversation AND m.sequence = w.sequence
  JOIN readmodels.search_messages_v1 s
    ON s.workspace = m.workspace AND s.conversation = m.conversation AND s.sequence = m.sequence
