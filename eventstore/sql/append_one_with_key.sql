-- As `append_one`, with the idempotency row of its keyed command.
WITH advanced AS (
    UPDATE head SET position = position + 1 RETURNING position
), inserted AS (
    INSERT INTO events (position, originator_id, originator_version, topic, state, message_id)
    SELECT position, %(stream)s, %(version)s, %(topic)s, %(state)b, %(message)s FROM advanced
), keyed AS (
    INSERT INTO idempotency (workspace, key, request_hash, first_position, last_position, result, expires_at)
    SELECT %(workspace)s, %(key)s, %(hash)b, position, position, %(result)b, now() + %(lifetime)s::text::interval
      FROM advanced
)
SELECT position - 1 AS base FROM advanced
