-- The newest key of a kind, whether its request ended or is being worked on; such keys end with the time they were made.
SELECT max(key) FROM (
    SELECT key FROM idempotency
     WHERE workspace = %(workspace)s AND key > %(after)s AND key < %(before)s AND expires_at > now()
    UNION ALL
    SELECT key FROM key_leases
     WHERE workspace = %(workspace)s AND key > %(after)s AND key < %(before)s AND expires_at > now()
) AS found
