-- What streams hold behind the versions that a batch's commands know, in order; a large body is left out.
SELECT e.position, e.originator_id, e.originator_version, e.topic,
       CASE WHEN octet_length(e.state) <= %(bytes)s THEN e.state END
  FROM unnest(%(streams)b::text[], %(versions)b::bigint[]) AS s (stream, version),
       LATERAL (SELECT position, originator_id, originator_version, topic, state FROM events
                 WHERE originator_id = s.stream AND originator_version > s.version
                 ORDER BY originator_version LIMIT %(limit)s) AS e
