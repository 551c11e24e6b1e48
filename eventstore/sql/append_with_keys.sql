-- As `append`, with the idempotency rows of the batch's keyed commands; offsets count events from the batch's base.
WITH advanced AS (
    UPDATE head SET position = position + %(count)s RETURNING position - %(count)s AS base
), inserted AS (
    INSERT INTO events (position, originator_id, originator_version, topic, state, message_id)
    SELECT base + place, stream, version, topic, state, message
      FROM advanced, unnest(%(streams)b::text[], %(versions)b::bigint[], %(topics)b::text[],
                            %(states)b::bytea[], %(messages)b::text[]) WITH ORDINALITY
           AS e (stream, version, topic, state, message, place)
), keyed AS (
    INSERT INTO idempotency (workspace, key, request_hash, first_position, last_position, result, expires_at)
    SELECT workspace, key, hash, base + first_offset, base + last_offset, result, now() + %(lifetime)s::text::interval
      FROM advanced, unnest(%(workspaces)b::text[], %(keys)b::text[], %(hashes)b::bytea[], %(results)b::bytea[],
                            %(first_offsets)b::bigint[], %(last_offsets)b::bigint[])
           AS k (workspace, key, hash, result, first_offset, last_offset)
)
SELECT base FROM advanced
