-- The same of some conversations, whatever of the query their messages match. Of one that is very long, the newest
-- messages.
SELECT m.conversation, m.sequence, {score} / (%(short)s + %(long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values}
          FROM unnest(%(ids)s::text[]) AS w (id), LATERAL (
               SELECT * FROM readmodels.search_messages_v1 n
                WHERE n.workspace = %(workspace)s AND n.conversation = w.id
                ORDER BY n.sequence DESC LIMIT 3000) m
         WHERE m.words @@ (SELECT %(gate)s::tsquery) AND m.words @@ (SELECT %(asked)s::tsquery) AND m.position <= %(ceiling)s{conditions}
        OFFSET 0) m
