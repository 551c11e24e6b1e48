-- Append a batch without a conflict: advance the head and insert behind it, in one statement.
WITH advanced AS (
    UPDATE head SET position = position + %(count)s RETURNING position - %(count)s AS base
), inserted AS (
    INSERT INTO events (position, originator_id, originator_version, topic, state, message_id)
    SELECT base + place, stream, version, topic, state, message
      FROM advanced, unnest(%(streams)b::text[], %(versions)b::bigint[], %(topics)b::text[],
                            %(states)b::bytea[], %(messages)b::text[]) WITH ORDINALITY
           AS e (stream, version, topic, state, message, place)
)
SELECT base FROM advanced
