-- In how many messages each of these stands: exact, for workspaces in which a sample says little.
SELECT ARRAY(
    SELECT (SELECT count(*) FROM readmodels.search_messages_v1 m
             WHERE m.words @@ a.asked::tsquery AND m.workspace = %(workspace)s)
      FROM unnest(%(asked)b::text[]) WITH ORDINALITY AS a (asked, place) ORDER BY a.place)
