-- A workspace's streams after one of them, as of a position, in order.
SELECT originator_id FROM events
 WHERE originator_id > %(after)s AND originator_id < %(end)s AND originator_version = 1 AND position <= %(upto)s
 ORDER BY originator_id LIMIT %(limit)s
