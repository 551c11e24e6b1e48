-- Idempotency keys of requests that call a model before they append: reserved first, so that no second one calls it too.
-- A lease that nobody renews ends by itself.

CREATE TABLE key_leases (
    workspace text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    holder text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, key)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON key_leases TO verbatim_service;
