-- The callbacks of an order are few: their state need not be in the index, which then
-- stays as it is when they are weighed.
DROP INDEX callbacks_by_order;
CREATE INDEX callbacks_by_order ON callbacks (order_no, id);
