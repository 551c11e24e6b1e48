-- End leases that nobody renewed or released: their holders are gone.
DELETE FROM key_leases WHERE expires_at <= now() - interval '1 minute'
