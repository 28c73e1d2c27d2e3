-- The orders of a payer, newest last. A table of its own: neither column ever changes, so
-- a change of an order's state need not know of it.
CREATE TABLE payers (
  backend    TEXT   NOT NULL,
  payer_id   TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  order_no   TEXT   NOT NULL,
  PRIMARY KEY (backend, payer_id, created_at, order_no)
) WITHOUT ROWID;
INSERT INTO payers (backend, payer_id, created_at, order_no)
SELECT backend, json_extract(state, '$.payer.id'), created_at, order_no FROM orders;

-- What was bought, by each order that has the money for it. purchase is a fingerprint of
-- backend, payer, amount and subject; orders that were paid before this table are not in it.
CREATE TABLE purchases (
  purchase   TEXT   NOT NULL,
  created_at BIGINT NOT NULL, -- of the order
  order_no   TEXT   NOT NULL,
  PRIMARY KEY (purchase, created_at, order_no)
) WITHOUT ROWID;
