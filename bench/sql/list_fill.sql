-- Conversations of a workspace as they come in practice: few users and assistants have most of them, two years, most are
-- active. %(count)s rows, written to the read model's table as its projection would have them.
INSERT INTO readmodels.conversations_v1 (
    workspace, id, version, status, source, assistant_id, user_id, metadata, message_count,
    created_at, updated_at, active_at, resource, state)
SELECT %(workspace)s, 'conv_' || lpad(n::text, 32, '0'), count + 1,
       CASE WHEN random() < 0.85 THEN 'active' WHEN random() < 0.87 THEN 'archived' ELSE 'deleted' END,
       CASE WHEN random() < 0.70 THEN 'api' WHEN random() < 0.83 THEN 'widget' ELSE 'playground' END,
       'asst_' || floor(power(random(), 2) * 20)::int, 'user_' || floor(power(random(), 3) * 50000)::int,
       jsonb_build_object('tier', (ARRAY['free', 'free', 'free', 'pro', 'enterprise'])[1 + floor(random() * 5)::int],
                          'team', 'team_' || floor(power(random(), 2) * 1000)::int, 'ticket', 'T-' || n),
       count, created, created + later, created + later, %(resource)s, '{}'
  FROM (SELECT n, timestamptz '2024-11-01 00:00:00Z' + n * (interval '730 days' / %(count)s) AS created,
               floor(power(random(), 4) * 500)::bigint AS count, power(random(), 6) * interval '60 days' AS later
          FROM generate_series(1, %(count)s::int) AS g (n)) AS made
