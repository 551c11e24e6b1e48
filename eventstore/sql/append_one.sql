-- As `append`, for one event: half the time of the arrays (measured), and most batches of a quiet service are one.
WITH advanced AS (
    UPDATE head SET position = position + 1 RETURNING position
), inserted AS (
    INSERT INTO events (position, originator_id, originator_version, topic, state, message_id)
    SELECT position, %(stream)s, %(version)s, %(topic)s, %(state)b, %(message)s FROM advanced
)
SELECT position - 1 AS base FROM advanced
