-- Whether somebody waits for an order or looks into it, as a column of its own: an index
-- whose condition names what changes with each event is written again with each event.
ALTER TABLE orders ADD COLUMN live INT NOT NULL DEFAULT 1;
UPDATE orders SET live = 0 WHERE stage = 'resolved' AND diagnosis = 'resolved';
DROP INDEX orders_live;
CREATE INDEX orders_live ON orders (backend, created_at DESC, order_no) WHERE live = 1;
