-- The next conversations in an order, of those that match: for queries that match so much that the next ones are near.
SELECT c.id, c.message_count > {longest}, NULL::bigint[] FROM readmodels.conversations_v1 c
 WHERE {conditions} AND {beyond} AND ({matching}) ORDER BY {order} LIMIT %(limit)s
