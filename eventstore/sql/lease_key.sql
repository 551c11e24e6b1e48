-- Take or renew the lease on an idempotency key; who holds it afterwards. Not worth a flush to disk: it ends with its holder.
WITH unflushed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO key_leases AS l (workspace, key, request_hash, holder, expires_at)
SELECT %(workspace)s, %(key)s, %(hash)b, %(holder)s, now() + %(lifetime)s::interval FROM unflushed
ON CONFLICT (workspace, key) DO UPDATE
   SET request_hash = CASE WHEN l.expires_at <= now() THEN excluded.request_hash ELSE l.request_hash END,
       holder = CASE WHEN l.expires_at <= now() THEN excluded.holder ELSE l.holder END,
       expires_at = CASE WHEN l.expires_at <= now() OR l.holder = excluded.holder THEN excluded.expires_at
                         ELSE l.expires_at END
RETURNING holder, request_hash
