-- The hundred most promising conversations, where a query matches too much to score it all; of very long ones, the
-- messages that say so. The best by their titles alone are among them: what a conversation is about, it says often.
WITH hits AS MATERIALIZED ({hits}),
titled AS MATERIALIZED ({titles}),
placed AS (
    SELECT conversation, sequence, mask, score, row_number() OVER (PARTITION BY conversation ORDER BY score DESC) AS place
      FROM hits
), scored AS (
    SELECT conversation, bit_or(mask) AS mask, sum(score / place) AS score, array_agg(sequence) AS sequences
      FROM placed WHERE place <= 10 GROUP BY conversation
), found AS (
    SELECT conversation, coalesce(s.score, 0) + coalesce(t.score, 0) AS score, coalesce(t.score, 0) AS title, s.sequences,
           coalesce(s.mask, 0) | coalesce(t.mask, 0) AS mask
      FROM scored s FULL JOIN titled t USING (conversation)
), covering AS (
    SELECT conversation, sequences, score * ({covered}) AS score, title * ({covered}) AS title FROM found
), ranked AS (
    SELECT conversation, sequences, score,
           least(row_number() OVER (ORDER BY score DESC), row_number() OVER (ORDER BY title DESC, score DESC)) AS place
      FROM covering
), ahead AS (
    -- Nothing is left out by this: it reads the rows that are looked up one by one below, all at once, as `search_hits_within`.
    SELECT count(c.status) AS count FROM readmodels.conversations_v1 c
     WHERE (c.workspace = %(workspace)s AND c.id = ANY (ARRAY(SELECT conversation FROM ranked ORDER BY place, score DESC LIMIT 100)))
        OR (c.workspace = %(workspace)s AND c.id = '')
)
SELECT c.id, c.message_count > {longest}, CASE WHEN c.message_count > {longest} THEN f.sequences END
  FROM (SELECT * FROM ranked ORDER BY place, score DESC OFFSET 0) f,
       -- One by one, until there are enough.
       LATERAL (SELECT * FROM readmodels.conversations_v1 c
                 WHERE c.workspace = %(workspace)s AND c.id = f.conversation AND {conditions} OFFSET 0) c
 WHERE (SELECT count FROM ahead) >= 0
 ORDER BY f.place, f.score DESC, c.active_at DESC LIMIT 100
