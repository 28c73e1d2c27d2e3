-- The same index, its condition in other words: for a list in a condition SQLite builds a
-- table, with each order that is written, and once more for what the order was.
DROP INDEX orders_unpaid;
CREATE INDEX orders_unpaid ON orders (backend, status, created_at DESC, order_no)
  WHERE status = 'failed' OR status = 'closed' OR status = 'refunding' OR status = 'refunded';
