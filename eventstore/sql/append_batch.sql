-- Append what can be appended of a batch with conflicts, and say of each command what became of it.
SELECT command, outcome, first_position, last_position
  FROM append_batch(
    %(numbers)s::int[], %(workspaces)s::text[], %(keys)s::text[], %(hashes)s::bytea[], %(results)s::bytea[],
    %(lifetime)s::interval,
    %(commands)s::int[], %(streams)s::text[], %(versions)s::bigint[], %(topics)s::text[], %(states)s::bytea[],
    %(messages)s::text[])
