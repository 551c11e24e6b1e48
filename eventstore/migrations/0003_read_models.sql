-- Read models live in a schema of the service's own: projectors make and drop their tables themselves.

CREATE SCHEMA readmodels;
GRANT ALL ON SCHEMA readmodels TO verbatim_service;

-- How far each read model has taken in the log; updated in the transaction that changes its rows.
CREATE TABLE readmodels.tracking (
    name text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON readmodels.tracking TO verbatim_service;

-- Conversations whose event a read model could not take in: theirs wait, all others go on.
CREATE TABLE readmodels.parked (
    name text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, stream)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON readmodels.parked TO verbatim_service;
