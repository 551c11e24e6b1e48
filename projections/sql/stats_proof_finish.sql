-- The tables of `stats.v1` from the facts: each by one grouping, of all facts at once.
CREATE TEMP TABLE held ON COMMIT DROP AS -- each fact with those who held the conversation then
SELECT f.workspace, f.id, f.version, f.kind, f.at, f.input_tokens, f.output_tokens, f.cost_cents,
       first_value(f.source) OVER conversation AS source,
       coalesce(first_value(f.assistant_id) OVER tenure, '') AS assistant_id,
       coalesce(first_value(f.user_id) OVER tenure, '') AS user_id
  FROM (SELECT *, count(*) FILTER (WHERE kind IN ('ConversationStarted', 'ConversationReassigned'))
                      OVER (PARTITION BY workspace, id ORDER BY version) AS change
          FROM readmodels.stats_v1_facts) f
WINDOW conversation AS (PARTITION BY f.workspace, f.id ORDER BY f.version),
       tenure AS (PARTITION BY f.workspace, f.id, f.change ORDER BY f.version);

CREATE TEMP TABLE counted ON COMMIT DROP AS -- each fact in each scope that counts it
SELECT h.*, s.scope, s.holder, s.of_assistant
  FROM held h CROSS JOIN LATERAL (VALUES
        ('workspace', '', ''), ('assistant', h.assistant_id, ''), ('user', h.user_id, h.assistant_id)
       ) AS s (scope, holder, of_assistant)
 WHERE s.scope = 'workspace' OR s.holder <> '';

INSERT INTO readmodels.stats_v1_conversations
SELECT workspace, id, min(source),
       (array_agg(assistant_id ORDER BY version DESC))[1], (array_agg(user_id ORDER BY version DESC))[1],
       coalesce((array_agg(kind = 'ConversationArchived' ORDER BY version DESC)
                   FILTER (WHERE kind IN ('ConversationArchived', 'ConversationUnarchived')))[1], false),
       coalesce((array_agg(kind = 'ConversationDeleted' ORDER BY version DESC)
                   FILTER (WHERE kind IN ('ConversationDeleted', 'ConversationRestored')))[1], false),
       count(*) FILTER (WHERE kind = 'MessageAppended') - count(*) FILTER (WHERE kind = 'MessageRetracted'),
       coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(cost_cents), 0)
  FROM held GROUP BY workspace, id;

INSERT INTO readmodels.stats_v1_totals
SELECT c.workspace, s.scope, s.holder, s.of_assistant, c.source,
       count(*) FILTER (WHERE NOT c.archived AND NOT c.deleted), count(*) FILTER (WHERE c.archived AND NOT c.deleted),
       count(*) FILTER (WHERE c.deleted),
       sum(c.messages), sum(c.input_tokens), sum(c.output_tokens), sum(c.cost_cents)
  FROM readmodels.stats_v1_conversations c CROSS JOIN LATERAL (VALUES
        ('workspace', '', ''), ('assistant', c.assistant_id, ''), ('user', c.user_id, c.assistant_id)
       ) AS s (scope, holder, of_assistant)
 WHERE s.scope = 'workspace' OR s.holder <> ''
 GROUP BY 1, 2, 3, 4, 5;

INSERT INTO readmodels.stats_v1_slots
SELECT workspace, scope, holder,
       date_bin(CASE WHEN at < timestamptz '2012-01-01 00:00Z' THEN interval '1 second' ELSE interval '15 minutes' END,
                at, timestamptz '2000-01-01 00:00Z'),
       of_assistant, source,
       count(*) FILTER (WHERE kind = 'ConversationStarted'), count(*) FILTER (WHERE kind = 'MessageAppended')
  FROM counted WHERE kind IN ('ConversationStarted', 'MessageAppended') GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO readmodels.stats_v1_days
SELECT workspace, scope, holder, (at AT TIME ZONE 'UTC')::date, of_assistant, source,
       count(*) FILTER (WHERE kind = 'ConversationStarted'), count(*) FILTER (WHERE kind = 'MessageAppended')
  FROM counted WHERE kind IN ('ConversationStarted', 'MessageAppended') GROUP BY 1, 2, 3, 4, 5, 6;

DROP TABLE readmodels.stats_v1_facts;
