-- The same of very long conversations: of their newest messages.
SELECT m.conversation, m.sequence, {score} / (%(short)s + %(long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values}
          FROM unnest(%(very_long)s::text[]) AS w (id), LATERAL (
               SELECT * FROM readmodels.search_messages_v1 n
                WHERE n.workspace = %(workspace)s AND n.conversation = w.id
                ORDER BY n.sequence DESC LIMIT {longest}) m
         WHERE m.words @@ (SELECT %(gate)s::tsquery) AND m.position <= %(ceiling)s{conditions}
        OFFSET 0) m
 WHERE {leads}
