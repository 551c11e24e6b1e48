-- As the list of the read models, by columns.
WITH checkpoint AS MATERIALIZED (
    SELECT position FROM readmodels.tracking WHERE name = 'conversations.v1'
), page AS (
    SELECT * FROM typed_conversations
     WHERE workspace = %(workspace)s AND status = ANY ('{active,archived}'::text[])
     ORDER BY active_at DESC, id DESC LIMIT %(limit)s
)
SELECT k.position,
       (SELECT e.position FROM events e
         WHERE e.position > k.position AND starts_with(e.originator_id, %(workspace)s || ':')
         ORDER BY e.position DESC LIMIT 1),
       (SELECT position FROM head),
       c.*
  FROM checkpoint k,
       (SELECT array_agg(id), array_agg(assistant_id), array_agg(title), array_agg(source), array_agg(status),
               array_agg(user_id), array_agg(message_count), array_agg(total_input_tokens),
               array_agg(total_output_tokens), array_agg(total_cost_cents), array_agg(metadata),
               array_agg(compaction), array_agg(context_tokens), array_agg(version), array_agg(created_at),
               array_agg(updated_at), array_agg(last_message_at), array_agg(deleted_at)
          FROM page) c
