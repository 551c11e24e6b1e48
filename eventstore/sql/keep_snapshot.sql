-- Keep a stream's snapshot instead of an earlier one; one by newer rules stays.
INSERT INTO snapshots AS s (originator_id, originator_version, position, schema, state)
VALUES (%(stream)s, %(version)s, %(position)s, %(schema)s, %(state)b)
ON CONFLICT (originator_id) DO UPDATE
   SET originator_version = excluded.originator_version, position = excluded.position,
       schema = excluded.schema, state = excluded.state
 WHERE (s.schema, s.originator_version) < (excluded.schema, excluded.originator_version)
RETURNING 1
