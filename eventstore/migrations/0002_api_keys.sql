-- Keys of the HTTP API: only a hash of each is kept. A key is revoked, never removed: events name it as their actor.

CREATE TABLE api_keys (
    id text COLLATE "C" PRIMARY KEY,
    workspace text COLLATE "C" NOT NULL,
    name text NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    unlimited boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
GRANT SELECT, INSERT ON api_keys TO verbatim_service;
GRANT UPDATE (revoked_at) ON api_keys TO verbatim_service;

-- Secrets that all processes of a deployment share, such as the one that signs cursors.
CREATE TABLE secrets (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);
GRANT SELECT, INSERT ON secrets TO verbatim_service;
