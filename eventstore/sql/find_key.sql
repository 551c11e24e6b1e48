-- What an idempotency key stands for, while it lives.
SELECT request_hash, first_position, last_position, result
  FROM idempotency WHERE workspace = %(workspace)s AND key = %(key)s AND expires_at > now()
