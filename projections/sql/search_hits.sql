-- Messages that match, with their own scores.
SELECT m.conversation, m.sequence, {score} / (%(short)s + %(long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values} FROM readmodels.search_messages_v1 m
         WHERE m.words @@ (SELECT %({driver})s::tsquery) AND m.position <= %(ceiling)s{conditions}
           AND (m.workspace = %(workspace)s) IS TRUE -- by no index: that of the words finds hardly any of other workspaces
        OFFSET 0) m -- a fence: each value is computed once
