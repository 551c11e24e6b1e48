-- What is known of a query's words, and how far the read models are: one snapshot.
WITH checkpoint AS MATERIALIZED (
    SELECT CASE WHEN count(*) = cardinality(%(names)b::text[]) THEN min(position) ELSE 0 END AS position
      FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])
)
SELECT c.position,
       (SELECT e.position FROM events e
         WHERE e.position > c.position AND starts_with(e.originator_id, %(workspace)s || ':')
         ORDER BY e.position DESC LIMIT 1),
       (SELECT position FROM head),
       coalesce(t.messages, 0), coalesce(t.sampled, 0), coalesce(t.length, 0), known.terms, known.messages, longer.terms, longer.messages
  FROM checkpoint c
  LEFT JOIN readmodels.search_totals_v1 t ON t.workspace = %(workspace)s,
       LATERAL (
        SELECT coalesce(array_agg(term), '{}') AS terms, coalesce(array_agg(messages), '{}') AS messages FROM readmodels.search_terms_v1
         WHERE workspace = %(workspace)s AND term = ANY (%(terms)b::text[])) known,
       LATERAL (
        SELECT coalesce(array_agg(term), '{}') AS terms, coalesce(array_agg(messages), '{}') AS messages
          FROM (SELECT term, messages FROM readmodels.search_terms_v1
                 WHERE workspace = %(workspace)s AND term > %(prefix)s::text AND term < %(prefix)s::text || U&'\+10FFFF'
                 ORDER BY messages DESC, length(term), term LIMIT %(most)s) l) longer
