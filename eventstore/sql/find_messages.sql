-- The events that appended these messages to a stream.
SELECT position, originator_id, originator_version, topic, state, message_id
  FROM events WHERE originator_id = %(stream)s AND message_id = ANY (%(messages)b::text[])
