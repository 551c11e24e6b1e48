-- One conversation with its newest messages, and how far the read models are: one snapshot. What is past the first `bytes` comes as NULL.
SELECT (SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])) AS checkpoint,
       (SELECT position FROM events WHERE originator_id = %(stream)s
         ORDER BY originator_version DESC LIMIT 1) AS last_event,
       (SELECT position FROM head) AS head,
       EXISTS (SELECT FROM readmodels.parked p WHERE p.stream = %(stream)s AND p.name = ANY (%(names)b::text[])) AS parked,
       c.status, c.version, c.resource, convert_from(c.state, 'UTF8')::json ->> 'compacted', m.sequences, m.pinned, m.messages
  FROM (VALUES (1)) AS one
  LEFT JOIN readmodels.conversations_v1 c ON c.workspace = %(workspace)s AND c.id = %(id)s
  LEFT JOIN LATERAL (
        SELECT array_agg(n.sequence ORDER BY n.sequence) AS sequences,
               array_agg(n.is_pinned ORDER BY n.sequence) AS pinned,
               array_agg(CASE WHEN n.before < %(bytes)s THEN n.message END ORDER BY n.sequence) AS messages
          FROM (SELECT l.*, sum(octet_length(l.message)) OVER (ORDER BY l.sequence DESC ROWS UNBOUNDED PRECEDING) - octet_length(l.message) AS before
                  FROM (SELECT sequence, is_pinned, message FROM readmodels.messages_v1
                         WHERE workspace = %(workspace)s AND conversation = %(id)s
                         ORDER BY sequence DESC LIMIT %(limit)s) l) n) m ON %(limit)s > 0
