-- Summaries of a conversation from a place on, and how far the read models are: one snapshot. {order} and {beyond}
-- are chosen by the reader.
SELECT (SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])) AS checkpoint,
       (SELECT position FROM events WHERE originator_id = %(stream)s
         ORDER BY originator_version DESC LIMIT 1) AS last_event,
       (SELECT position FROM head) AS head,
       EXISTS (SELECT FROM readmodels.parked p WHERE p.stream = %(stream)s AND p.name = ANY (%(names)b::text[])) AS parked,
       c.status, c.version, c.resource, s.versions, s.superseded, s.summaries
  FROM (VALUES (1)) AS one
  LEFT JOIN readmodels.conversations_v1 c ON c.workspace = %(workspace)s AND c.id = %(id)s
  LEFT JOIN LATERAL (
        SELECT array_agg(n.version ORDER BY n.version {order}) AS versions,
               array_agg(n.superseded ORDER BY n.version {order}) AS superseded,
               array_agg(n.summary ORDER BY n.version {order}) AS summaries
          FROM (SELECT version, superseded, summary FROM readmodels.summaries_v1
                 WHERE workspace = %(workspace)s AND conversation = %(id)s AND version {beyond} %(after)s
                 ORDER BY version {order} LIMIT %(limit)s) n) s ON true
