-- The hundred most promising conversations, where a query matches too much to score it all; of very long ones, the
-- messages that say so.
WITH hits AS MATERIALIZED ({hits}),
titled AS MATERIALIZED ({titles}),
placed AS (
    SELECT conversation, sequence, mask, score, row_number() OVER (PARTITION BY conversation ORDER BY score DESC) AS place
      FROM hits
), scored AS (
    SELECT conversation, bit_or(mask) AS mask, sum(score / place) AS score, array_agg(sequence) AS sequences
      FROM placed WHERE place <= 10 GROUP BY conversation
), found AS (
    SELECT conversation, coalesce(s.score, 0) + coalesce(t.score, 0) AS score, s.sequences,
           coalesce(s.mask, 0) | coalesce(t.mask, 0) AS mask
      FROM scored s FULL JOIN titled t USING (conversation)
)
SELECT c.id, CASE WHEN c.message_count > 3000 THEN f.sequences END
  FROM (SELECT conversation, sequences, score * ({covered}) AS score FROM found ORDER BY score DESC OFFSET 0) f,
       -- One by one, until there are enough.
       LATERAL (SELECT * FROM readmodels.conversations_v1 c
                 WHERE c.workspace = %(workspace)s AND c.id = f.conversation AND {conditions} OFFSET 0) c
 ORDER BY f.score DESC, c.active_at DESC LIMIT 100
