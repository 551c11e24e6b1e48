-- The append for batches with conflicts, as in 0001, but that it always looks rows up by an index, one by one.
--
-- Its plans are kept by each session. Those made while the log was small read the whole log, as joins and as hashed
-- EXISTS, until autovacuum took new statistics: a minute or more, while a batch cost more with every event. A
-- subquery that gives one value is neither joined nor hashed.

CREATE OR REPLACE FUNCTION append_batch(
    c_number int[], c_workspace text[], c_key text[], c_hash bytea[], c_result bytea[], c_lifetime interval,
    e_command int[], e_stream text[], e_version bigint[], e_topic text[], e_state bytea[], e_message text[]
) RETURNS TABLE (command int, outcome text, first_position bigint, last_position bigint)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    base bigint;
    key_taken int[];
    message_taken int[];
    version_taken int[];
    refused int[];
BEGIN
    SELECT position INTO base FROM head FOR UPDATE;

    DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
        SELECT (SELECT i.ctid FROM idempotency i
                 WHERE i.workspace = c.workspace AND i.key = c.key AND i.expires_at <= now())
          FROM unnest(c_workspace, c_key) AS c (workspace, key) WHERE c.key IS NOT NULL));

    SELECT coalesce(array_agg(c.number), '{}') INTO key_taken
      FROM unnest(c_number, c_workspace, c_key) AS c (number, workspace, key)
     WHERE (SELECT true FROM idempotency i WHERE i.workspace = c.workspace AND i.key = c.key);

    SELECT coalesce(array_agg(DISTINCT e.command), '{}') INTO message_taken
      FROM unnest(e_command, e_stream, e_message) AS e (command, stream, message)
     WHERE (SELECT true FROM events x WHERE x.originator_id = e.stream AND x.message_id = e.message);

    -- A stream's first event of a command must follow directly on what is stored.
    SELECT coalesce(array_agg(DISTINCT e.command), '{}') INTO version_taken
      FROM (SELECT command, stream, min(version) AS version
              FROM unnest(e_command, e_stream, e_version) AS u (command, stream, version)
             GROUP BY command, stream) e
     WHERE (SELECT true FROM events x WHERE x.originator_id = e.stream AND x.originator_version = e.version)
        OR (e.version > 1 AND (SELECT true FROM events x WHERE x.originator_id = e.stream
                                  AND x.originator_version = e.version - 1) IS NULL);

    refused := key_taken || message_taken || version_taken;

    RETURN QUERY
    WITH good AS (
        SELECT u.*, base + row_number() OVER (ORDER BY u.place) AS position
          FROM unnest(e_command, e_stream, e_version, e_topic, e_state, e_message) WITH ORDINALITY
               AS u (command, stream, version, topic, state, message, place)
         WHERE u.command <> ALL (refused)
    ), inserted AS (
        INSERT INTO events (position, originator_id, originator_version, topic, state, message_id)
        SELECT position, stream, version, topic, state, message FROM good ORDER BY position
    ), advanced AS (
        UPDATE head SET position = base + (SELECT count(*) FROM good)
    ), placed AS (
        SELECT command, min(position) AS first_position, max(position) AS last_position FROM good GROUP BY command
    ), keyed AS (
        INSERT INTO idempotency (workspace, key, request_hash, first_position, last_position, result, expires_at)
        SELECT c.workspace, c.key, c.hash, coalesce(p.first_position, base), coalesce(p.last_position, base),
               c.result, now() + c_lifetime
          FROM unnest(c_number, c_workspace, c_key, c_hash, c_result) AS c (number, workspace, key, hash, result)
          LEFT JOIN placed p ON p.command = c.number
         WHERE c.key IS NOT NULL AND c.number <> ALL (refused)
    )
    SELECT c.number,
           CASE WHEN c.number = ANY (key_taken) THEN 'key'
                WHEN c.number = ANY (message_taken) THEN 'message'
                WHEN c.number = ANY (version_taken) THEN 'version'
                ELSE 'appended' END,
           coalesce(p.first_position, base), coalesce(p.last_position, base)
      FROM unnest(c_number) AS c (number) LEFT JOIN placed p ON p.command = c.number;
END $$;
