-- As `read_messages`, without those that were compacted: two ranges of the primary key, however many were.
WITH c AS MATERIALIZED (
    SELECT status, version, resource, convert_from(state, 'UTF8')::json -> 'compacted' AS compacted
      FROM readmodels.conversations_v1 WHERE workspace = %(workspace)s AND id = %(id)s
), x AS MATERIALIZED (
    SELECT coalesce((compacted ->> 'upto')::bigint, 0) AS upto,
           CASE WHEN compacted ->> 'upto' IS NULL THEN '{{}}'::bigint[] ELSE ARRAY(
               SELECT value::bigint FROM json_array_elements_text(compacted -> 'early')
               UNION
               SELECT value::bigint
                 FROM json_each(compacted -> 'returned') AS r (pin, members), json_array_elements_text(r.members)
           ) END AS early
      FROM c
), live AS (
    (SELECT m.sequence, m.is_pinned, m.message
       FROM x, unnest(x.early) AS e (sequence), LATERAL (
            SELECT sequence, role, is_pinned, message
              FROM readmodels.messages_v1
             WHERE workspace = %(workspace)s AND conversation = %(id)s AND sequence = e.sequence OFFSET 0) m
      WHERE m.sequence {beyond} %(after)s
        AND (%(role)s::text IS NULL OR m.role = %(role)s::text)
        AND (%(pinned)s::boolean IS NULL OR m.is_pinned = %(pinned)s::boolean)
      ORDER BY m.sequence {order} LIMIT %(limit)s)
    UNION ALL
    (SELECT m.sequence, m.is_pinned, m.message
       FROM x, readmodels.messages_v1 m
      WHERE m.workspace = %(workspace)s AND m.conversation = %(id)s AND m.sequence > x.upto
        AND m.sequence {beyond} %(after)s
        AND (%(role)s::text IS NULL OR m.role = %(role)s::text)
        AND (%(pinned)s::boolean IS NULL OR m.is_pinned = %(pinned)s::boolean)
      ORDER BY m.sequence {order} LIMIT %(limit)s)
)
SELECT (SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])) AS checkpoint,
       (SELECT position FROM events WHERE originator_id = %(stream)s
         ORDER BY originator_version DESC LIMIT 1) AS last_event,
       (SELECT position FROM head) AS head,
       EXISTS (SELECT FROM readmodels.parked p WHERE p.stream = %(stream)s AND p.name = ANY (%(names)b::text[])) AS parked,
       (SELECT status FROM c), (SELECT version FROM c), (SELECT resource FROM c), NULL::text,
       m.sequences, m.pinned, m.messages
  FROM (SELECT array_agg(n.sequence ORDER BY n.sequence {order}) AS sequences,
               array_agg(n.is_pinned ORDER BY n.sequence {order}) AS pinned,
               array_agg(CASE WHEN n.before < %(bytes)s THEN n.message END ORDER BY n.sequence {order}) AS messages
          FROM (SELECT l.*, sum(octet_length(l.message)) OVER (ORDER BY l.sequence {order} ROWS UNBOUNDED PRECEDING) - octet_length(l.message) AS before
                  FROM (SELECT * FROM live ORDER BY sequence {order} LIMIT %(limit)s) l) n) m
