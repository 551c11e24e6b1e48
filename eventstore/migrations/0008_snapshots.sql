-- States of long conversations at some version, so that they need not be folded from the first event. Throw-away: the
-- table may be emptied at any time.

CREATE TABLE snapshots (
    originator_id text COLLATE "C" PRIMARY KEY,
    originator_version bigint NOT NULL,
    position bigint NOT NULL, -- of the event of that version: a snapshot of another log is none
    schema int NOT NULL, -- of the state's shape and the fold's rules: see domain/snapshot.py
    state bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots TO verbatim_service;
