-- As `read_conversation` of the read models, by columns.
SELECT (SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%(names)b::text[])),
       (SELECT position FROM events WHERE originator_id = %(stream)s ORDER BY originator_version DESC LIMIT 1),
       (SELECT position FROM head),
       c.*, m.*
  FROM (SELECT array_agg(id), array_agg(assistant_id), array_agg(title), array_agg(source), array_agg(status),
               array_agg(user_id), array_agg(message_count), array_agg(total_input_tokens),
               array_agg(total_output_tokens), array_agg(total_cost_cents), array_agg(metadata),
               array_agg(compaction), array_agg(context_tokens), array_agg(version), array_agg(created_at),
               array_agg(updated_at), array_agg(last_message_at), array_agg(deleted_at)
          FROM typed_conversations WHERE workspace = %(workspace)s AND id = %(id)s) c,
       (SELECT array_agg(id), array_agg(conversation), array_agg(sequence), array_agg(role), array_agg(content),
               array_agg(tool_calls), array_agg(tool_call_id), array_agg(name), array_agg(model),
               array_agg(finish_reason), array_agg(extra), array_agg(input_tokens), array_agg(output_tokens),
               array_agg(cost_cents), array_agg(token_count), array_agg(metadata), array_agg(created_at),
               array_agg(is_pinned)
          FROM (SELECT * FROM (SELECT * FROM typed_messages
                                WHERE workspace = %(workspace)s AND conversation = %(id)s
                                ORDER BY sequence DESC LIMIT %(limit)s) AS newest ORDER BY sequence) AS n) m
