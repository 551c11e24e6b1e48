-- A stream's snapshot, if it is of these rules, later than what is known, and of this log.
SELECT s.originator_version, s.position, s.state
  FROM snapshots s
  JOIN events e ON e.originator_id = s.originator_id AND e.originator_version = s.originator_version
                AND e.position = s.position
 WHERE s.originator_id = %(stream)s AND s.schema = %(schema)s AND s.originator_version > %(after)s
