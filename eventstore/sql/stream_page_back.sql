-- A stream's events before a version, newest first.
SELECT position, originator_id, originator_version, topic, state
  FROM events WHERE originator_id = %(stream)s AND originator_version < %(before)s
 ORDER BY originator_version DESC LIMIT %(limit)s
