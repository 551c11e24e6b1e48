-- How far each read model and the relay is, who is parked, and the oldest event that it has not taken in yet.
SELECT t.name, h.position - t.position AS events,
       (SELECT count(*) FROM readmodels.parked p WHERE p.name = t.name) AS parked, e.topic, e.state
  FROM readmodels.tracking t CROSS JOIN head h LEFT JOIN events e ON e.position = t.position + 1
 WHERE t.name NOT LIKE '%%:%%' OR t.name LIKE 'relay:%%'
