-- The log after a position, in order.
SELECT position, originator_id, originator_version, topic, state
  FROM events WHERE position > %(after)s AND position <= %(upto)s
 ORDER BY position LIMIT %(limit)s
