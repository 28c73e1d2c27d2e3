-- The journal of callbacks is no table any more but files beside the database: see
-- engine/store/journal. What waits in the table becomes callbacks that tasks weigh.
INSERT INTO callbacks (channel, dedupe_key, order_no, state, notification, raw, received_at)
  SELECT channel, dedupe_key, order_no, 'pending', notification, raw, id / 1000000 FROM journal ORDER BY id
  ON CONFLICT (channel, dedupe_key) DO NOTHING;
INSERT INTO tasks (order_no, kind, target, due_at, tries)
  SELECT DISTINCT order_no, 'process', channel, 0, 0 FROM callbacks
  WHERE state = 'pending' AND state <> 'processed'
  ON CONFLICT (order_no, kind, target) DO NOTHING;
UPDATE callbacks SET state = 'quarantined'
  WHERE state = 'pending' AND state <> 'processed' AND order_no NOT IN (SELECT order_no FROM orders);
DROP TABLE journal;
