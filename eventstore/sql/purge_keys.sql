-- End some of the expired idempotency rows; a small batch, so that it never holds up an append.
WITH expired AS (
    SELECT workspace, key FROM idempotency WHERE expires_at <= now()
     ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency i USING expired e WHERE i.workspace = e.workspace AND i.key = e.key
