-- What statistics answer, and how far the read model is: one snapshot. Totals by source; counts by days of UTC; and of
-- each day that a boundary of the asked-for days cuts, the counts of one of its two parts.
WITH checkpoint AS MATERIALIZED (
    SELECT coalesce((SELECT position FROM readmodels.tracking WHERE name = 'stats.v1'), 0) AS position
)
SELECT c.position,
       (SELECT e.position FROM events e
         WHERE e.position > c.position AND starts_with(e.originator_id, %(workspace)s || ':')
         ORDER BY e.position DESC LIMIT 1),
       (SELECT position FROM head),
       t.*, d.*, p.*
  FROM checkpoint c
 CROSS JOIN (
        SELECT array_agg(source), array_agg(active), array_agg(archived), array_agg(deleted), array_agg(messages),
               array_agg(input_tokens), array_agg(output_tokens), array_agg(cost_cents)
          FROM readmodels.stats_v1_totals
         WHERE workspace = %(workspace)s AND scope = %(scope)s AND holder = %(holder)s
           AND (%(assistant_id)s::text IS NULL OR assistant_id = %(assistant_id)s)
           AND (%(source)s::text IS NULL OR source = %(source)s)) t
 CROSS JOIN (
        SELECT array_agg(day), array_agg(conversations), array_agg(messages)
          FROM readmodels.stats_v1_days
         WHERE workspace = %(workspace)s AND scope = %(scope)s AND holder = %(holder)s
           AND day >= %(first)s::date AND day <= %(last)s::date
           AND (%(assistant_id)s::text IS NULL OR assistant_id = %(assistant_id)s)
           AND (%(source)s::text IS NULL OR source = %(source)s)) d
 CROSS JOIN (
        SELECT array_agg(s.conversations ORDER BY r.number), array_agg(s.messages ORDER BY r.number)
          FROM unnest(%(from)b::timestamptz[], %(to)b::timestamptz[]) WITH ORDINALITY AS r (start, stop, number)
         CROSS JOIN LATERAL (
                SELECT coalesce(sum(conversations), 0)::bigint AS conversations,
                       coalesce(sum(messages), 0)::bigint AS messages
                  FROM readmodels.stats_v1_slots
                 WHERE workspace = %(workspace)s AND scope = %(scope)s AND holder = %(holder)s
                   AND slot >= r.start AND slot < r.stop
                   AND (%(assistant_id)s::text IS NULL OR assistant_id = %(assistant_id)s)
                   AND (%(source)s::text IS NULL OR source = %(source)s)) s) p
