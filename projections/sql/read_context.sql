-- What stands in a conversation's context: the few early messages, all after the last compacted one, the summary.
-- Its cost is that of what is live, with and without statistics: each early message is looked up by its whole key (OFFSET 0
-- keeps the planner from reading all of the conversation and filtering), the others are a closed range. `whole`: every message.
WITH c AS MATERIALIZED (
    SELECT status, version, state, convert_from(state, 'UTF8')::json -> 'compacted' AS compacted,
           (convert_from(state, 'UTF8')::json ->> 'last_sequence')::bigint AS last
      FROM readmodels.conversations_v1 WHERE workspace = %(workspace)s AND id = %(id)s
), x AS MATERIALIZED (
    SELECT CASE WHEN %(whole)s THEN 0 ELSE coalesce((compacted ->> 'upto')::bigint, 0) END AS upto,
           CASE WHEN %(whole)s OR compacted ->> 'upto' IS NULL THEN '{}'::bigint[] ELSE ARRAY(
               SELECT value::bigint FROM json_array_elements_text(compacted -> 'early')
               UNION
               SELECT value::bigint
                 FROM json_each(compacted -> 'returned') AS r (pin, members), json_array_elements_text(r.members)
           ) END AS early,
           last
      FROM c
), live AS (
    SELECT m.sequence, m.is_pinned, m.message
      FROM x, unnest(x.early) AS e (sequence), LATERAL (
           SELECT sequence, is_pinned, message
             FROM readmodels.messages_v1
            WHERE workspace = %(workspace)s AND conversation = %(id)s AND sequence = e.sequence OFFSET 0) m
    UNION ALL
    SELECT m.sequence, m.is_pinned, m.message
      FROM x, readmodels.messages_v1 m
     WHERE m.workspace = %(workspace)s AND m.conversation = %(id)s AND m.sequence > x.upto
       AND m.sequence <= x.last
)
SELECT (SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])) AS checkpoint,
       (SELECT position FROM events WHERE originator_id = %(stream)s
         ORDER BY originator_version DESC LIMIT 1) AS last_event,
       (SELECT position FROM head) AS head,
       EXISTS (SELECT FROM readmodels.parked p WHERE p.stream = %(stream)s AND p.name = ANY (%(names)b::text[])) AS parked,
       (SELECT status FROM c), (SELECT version FROM c), (SELECT state FROM c),
       (SELECT s.told FROM c, readmodels.summaries_v1 s
         WHERE s.workspace = %(workspace)s AND s.conversation = %(id)s
           AND s.version = (c.compacted ->> 'version')::bigint),
       m.sequences, m.pinned, m.messages
  FROM (SELECT array_agg(sequence ORDER BY sequence) AS sequences, array_agg(is_pinned ORDER BY sequence) AS pinned,
               array_agg(message ORDER BY sequence) AS messages FROM live) m
