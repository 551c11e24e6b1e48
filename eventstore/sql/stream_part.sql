-- A stream's events after a version as of a position, in order: as many as fit a number of bytes, one at least;
-- all of them, or those of some names.
SELECT position, originator_id, originator_version, topic, state
  FROM (SELECT position, originator_id, originator_version, topic, state,
               sum(octet_length(state)) OVER (ORDER BY originator_version) - octet_length(state) AS before
          FROM events
         WHERE originator_id = %(stream)s AND originator_version > %(after)s AND position <= %(upto)s
           AND (%(names)s::text[] IS NULL OR split_part(topic, '.', 1) = ANY (%(names)s::text[]))
         ORDER BY originator_version LIMIT %(limit)s) e
 WHERE before < %(bytes)s
 ORDER BY originator_version
