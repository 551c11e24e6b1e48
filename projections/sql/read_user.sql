-- A user's conversations, deleted ones too, oldest first, and how far the read model is: one snapshot.
WITH checkpoint AS MATERIALIZED (
    SELECT coalesce((SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])), 0) AS position
), held AS MATERIALIZED (
    SELECT id, created_at FROM readmodels.conversations_v1
     WHERE workspace = %(workspace)s AND user_id = %(user)s
)
SELECT c.position,
       (SELECT e.position FROM events e
         WHERE e.position > c.position AND starts_with(e.originator_id, %(workspace)s || ':')
         ORDER BY e.position DESC LIMIT 1),
       (SELECT position FROM head),
       EXISTS (SELECT FROM readmodels.parked p JOIN held h ON p.stream = %(workspace)s || ':' || h.id
                WHERE p.name = ANY (%(names)b::text[])),
       ARRAY(SELECT id FROM held ORDER BY created_at, id)
  FROM checkpoint c
