-- The same of a workspace's newest messages: where every word is common, they are as good as any.
SELECT m.conversation, m.sequence, {score} / (%(short)s + %(long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values}
          FROM (SELECT * FROM readmodels.search_messages_v1 n
                 WHERE n.workspace = %(workspace)s{range} ORDER BY n.created_at DESC LIMIT 8192) m
         WHERE m.words @@ (SELECT %(gate)s::tsquery) AND m.position <= %(ceiling)s{conditions}
        OFFSET 0) m
 WHERE {leads}
