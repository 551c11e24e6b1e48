-- A stream's events after a version, in order.
SELECT position, originator_id, originator_version, topic, state
  FROM events WHERE originator_id = %(stream)s AND originator_version > %(after)s
 ORDER BY originator_version LIMIT %(limit)s
