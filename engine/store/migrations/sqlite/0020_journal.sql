-- Callbacks that were acknowledged and are to be weighed, without any index but the one
-- that an order of receipt needs: a channel waits for this write.
CREATE TABLE journal (
  id           INTEGER PRIMARY KEY, -- time of receipt, Unix nanoseconds; given by the engine
  channel      TEXT NOT NULL,
  dedupe_key   TEXT NOT NULL,
  order_no     TEXT NOT NULL,
  notification TEXT NOT NULL,
  raw          BLOB NOT NULL -- as in callbacks
);
-- What waited to be weighed among the callbacks has tasks from now on, and what of it
-- knows no order waits for its order.
INSERT INTO tasks (order_no, kind, target, due_at, tries, token, lease_until)
  SELECT DISTINCT order_no, 'process', channel, 0, 0, 0, 0 FROM callbacks
  WHERE state = 'pending' AND state <> 'processed'
  ON CONFLICT (order_no, kind, target) DO NOTHING;
UPDATE callbacks SET state = 'quarantined'
  WHERE state = 'pending' AND state <> 'processed' AND order_no NOT IN (SELECT order_no FROM orders);
