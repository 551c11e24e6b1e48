-- Conversations whose titles match, with what that adds to their scores.
SELECT m.id AS conversation, %(title_weight)s * {score} / (%(title_short)s + %(title_long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values} FROM readmodels.search_conversations_v1 m
         WHERE m.words @@ (SELECT %({driver})s::tsquery){conditions}
        OFFSET 0) m
