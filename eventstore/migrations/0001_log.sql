-- The log: events, the head row that orders them, idempotency keys, the append for batches with conflicts.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'verbatim_service') THEN
        CREATE ROLE verbatim_service NOLOGIN;
    END IF;
END $$;

-- One row, updated by every append: a low fill factor leaves room for the new versions on the same page (HOT).
CREATE TABLE head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
INSERT INTO head (position) VALUES (0);

-- No default on position: a writer that does not know the head row fails loudly.
CREATE TABLE events (
    position bigint NOT NULL,
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    message_id text COLLATE "C",
    PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX events_position ON events (position);
-- Same-id retries, pins and replays look a message up here.
CREATE UNIQUE INDEX events_message ON events (originator_id, message_id) WHERE message_id IS NOT NULL;

-- One row a keyed request, written with its events. No message text: `result` holds ids and versions.
CREATE TABLE idempotency (
    workspace text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    result bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

-- Privileges stop the service; this stops the owner, too.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed or removed'
        USING ERRCODE = 'insufficient_privilege', HINT = 'append an event that says what is so now';
END $$;
CREATE TRIGGER events_are_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Appends the commands of a batch that can be appended and says of each what became of it.
-- Per command: number, workspace, key (or null), request hash, result. Per event: its command's number, stream,
-- version, topic, state, message id; in order. No two commands of a batch may share a stream or a key.
-- VOLATILE under READ COMMITTED: each statement sees what was committed before it, so after the head row's lock
-- everything earlier is visible and nothing can come between.
CREATE FUNCTION append_batch(
    c_number int[], c_workspace text[], c_key text[], c_hash bytea[], c_result bytea[], c_lifetime interval,
    e_command int[], e_stream text[], e_version bigint[], e_topic text[], e_state bytea[], e_message text[]
) RETURNS TABLE (command int, outcome text, first_position bigint, last_position bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    base bigint;
    key_taken int[];
    message_taken int[];
    version_taken int[];
    refused int[];
BEGIN
    SELECT position INTO base FROM head FOR UPDATE;

    DELETE FROM idempotency i USING unnest(c_workspace, c_key) AS c (workspace, key)
     WHERE i.workspace = c.workspace AND i.key = c.key AND i.expires_at <= now();

    SELECT coalesce(array_agg(c.number), '{}') INTO key_taken
      FROM unnest(c_number, c_workspace, c_key) AS c (number, workspace, key)
      JOIN idempotency i ON i.workspace = c.workspace AND i.key = c.key;

    SELECT coalesce(array_agg(DISTINCT e.command), '{}') INTO message_taken
      FROM unnest(e_command, e_stream, e_message) AS e (command, stream, message)
      JOIN events x ON x.originator_id = e.stream AND x.message_id = e.message;

    -- A stream's first event of a command must follow directly on what is stored.
    SELECT coalesce(array_agg(DISTINCT e.command), '{}') INTO version_taken
      FROM (SELECT command, stream, min(version) AS version
              FROM unnest(e_command, e_stream, e_version) AS u (command, stream, version)
             GROUP BY command, stream) e
     WHERE EXISTS (SELECT FROM events x WHERE x.originator_id = e.stream AND x.originator_version = e.version)
        OR (e.version > 1 AND NOT EXISTS (
               SELECT FROM events x WHERE x.originator_id = e.stream AND x.originator_version = e.version - 1));

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

GRANT SELECT, INSERT ON events TO verbatim_service;
GRANT SELECT, UPDATE ON head TO verbatim_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO verbatim_service;
REVOKE ALL ON FUNCTION append_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_batch TO verbatim_service;
