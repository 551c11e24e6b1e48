-- The conversations that pass the filters, the newest ones if there are many.
SELECT c.id, c.message_count > {longest}, NULL::bigint[] FROM readmodels.conversations_v1 c WHERE {conditions} ORDER BY c.active_at DESC LIMIT 501
