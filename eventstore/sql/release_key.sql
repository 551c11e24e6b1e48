-- End a lease, if it is still the holder's own. Not worth a flush to disk: it ends by itself.
WITH unflushed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM key_leases USING unflushed
WHERE workspace = %(workspace)s AND key = %(key)s AND holder = %(holder)s RETURNING 1
