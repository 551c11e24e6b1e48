-- Conversations by the scores of their messages and titles, with the best three messages of each.
WITH hits AS MATERIALIZED ({hits}),
titled AS MATERIALIZED ({titles}),
summed AS (
    SELECT conversation, bit_or(mask) AS mask, max(score) AS best, sum(score) AS total FROM hits GROUP BY conversation
), guessed AS (
    -- At least what `placed` makes of the scores without their neighbours.
    SELECT conversation, coalesce(s.best + least((s.total - s.best) / 2, 1.93 * s.best), 0) + coalesce(t.score, 0) AS score,
           coalesce(t.score, 0) AS title, coalesce(s.mask, 0) | coalesce(t.mask, 0) AS mask
      FROM summed s FULL JOIN titled t USING (conversation)
), covering AS (
    -- The more of the query's words a conversation has at all, the better.
    SELECT conversation, score * ({covered}) AS score, title, {covered} AS covered FROM guessed
), ahead AS (
    -- Nothing is left out by this: it reads the rows that are looked up one by one below, all at once, as `search_hits_within`.
    SELECT count(c.status) AS count FROM readmodels.conversations_v1 c
     WHERE (c.workspace = %(workspace)s AND c.id = ANY (ARRAY(SELECT conversation FROM covering ORDER BY score DESC LIMIT %(ahead)s)))
        OR (c.workspace = %(workspace)s AND c.id = '')
), promising AS MATERIALIZED (
    -- Several times as many as are wanted, by the guess: conversations are looked up in its order until there are enough.
    SELECT f.conversation, f.title, f.covered, c.resource, c.active_at, c.{column} AS place
      FROM (SELECT * FROM covering ORDER BY score DESC OFFSET 0) f,
           LATERAL (SELECT * FROM readmodels.conversations_v1 c
                     WHERE c.workspace = %(workspace)s AND c.id = f.conversation AND {conditions} OFFSET 0) c
     WHERE (SELECT count FROM ahead) >= 0
     ORDER BY f.score DESC LIMIT %(promising)s
),
-- A message's neighbours add to its score, the next ones a fifth of theirs, those after them a tenth.
lifted AS (
    SELECT conversation, sequence, 0.8 * score + 0.1 * sum(score) OVER near + 0.1 * sum(score) OVER around AS score
      FROM hits
     WHERE (conversation IN (SELECT conversation FROM promising)) IS TRUE -- not a join: a hashed set, whatever the planner believes
    WINDOW near AS (PARTITION BY conversation ORDER BY sequence RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING),
           around AS (PARTITION BY conversation ORDER BY sequence RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING)
), placed AS (
    SELECT conversation, sequence, score,
           row_number() OVER (PARTITION BY conversation ORDER BY score DESC, sequence DESC) AS place
      FROM lifted
), scored AS MATERIALIZED (
    SELECT conversation, sum(score / place ORDER BY place) AS score, array_agg(sequence ORDER BY place) FILTER (WHERE place <= 3) AS best
      FROM placed WHERE place <= 10 GROUP BY conversation
), best AS (
    SELECT conversation AS id, p.resource, p.place, s.best,
           round(((coalesce(s.score, 0) + p.title) * p.covered)::numeric, 4) AS score
      FROM promising p FULL JOIN scored s USING (conversation) -- all of `scored` are in it: full, lest it be a loop
     ORDER BY score DESC, p.active_at DESC, id DESC LIMIT %(most)s
)
SELECT id, resource, score, place, best FROM best WHERE {beyond} ORDER BY {order} LIMIT %(limit)s
