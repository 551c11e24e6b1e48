-- Append what can be appended of a batch with conflicts, and say of each command what became of it.
SELECT command, outcome, first_position, last_position
  FROM append_batch(
    %(numbers)b::int[], %(workspaces)b::text[], %(keys)b::text[], %(hashes)b::bytea[], %(results)b::bytea[],
    %(lifetime)s::interval,
    %(commands)b::int[], %(streams)b::text[], %(versions)b::bigint[], %(topics)b::text[], %(states)b::bytea[],
    %(messages)b::text[])
