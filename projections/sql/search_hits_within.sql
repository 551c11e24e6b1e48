-- The same of some conversations, whatever of the query their messages match. The second condition is never met: two make
-- PostgreSQL gather the places of all rows before it reads any, so that it reads them in order and asks for the next ones ahead.
SELECT m.conversation, m.sequence, {score} / (%(short)s + %(long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values}
          FROM (SELECT * FROM readmodels.search_messages_v1 n
                 WHERE (n.workspace = %(workspace)s AND n.conversation = ANY (%(brief)s::text[]))
                    OR (n.workspace = %(workspace)s AND n.conversation = '')
                OFFSET 0) m -- a fence: by no index of words
         WHERE m.words @@ (SELECT %(gate)s::tsquery) AND m.position <= %(ceiling)s{conditions}
        OFFSET 0) m
 WHERE {leads}
