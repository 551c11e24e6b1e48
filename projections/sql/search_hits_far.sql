-- Of very long conversations, the messages that made them candidates.
SELECT m.conversation, m.sequence, {score} / (%(short)s + %(long)s * m.length) AS score, {mask} AS mask
  FROM (SELECT m.*, {values}
          FROM unnest(%(far)s::text[], %(far_sequences)s::bigint[]) AS f (id, sequence)
          JOIN readmodels.search_messages_v1 m
            ON m.workspace = %(workspace)s AND m.conversation = f.id AND m.sequence = f.sequence
         WHERE m.words @@ (SELECT %(gate)s::tsquery) AND m.position <= %(ceiling)s{conditions}
        OFFSET 0) m
 WHERE {leads}
