-- Each time that payers were shown, and what became of it. outcome '' = still open, of
-- which an order has at most one of a kind.
CREATE TABLE promises (
  order_no    TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  seq         BIGINT NOT NULL, -- of the order when it was first shown
  backend     TEXT   NOT NULL,
  channel     TEXT   NOT NULL,
  promised_at BIGINT NOT NULL,
  shown_at    BIGINT NOT NULL,
  outcome     TEXT   NOT NULL DEFAULT '',
  happened_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (order_no, kind, seq)
) WITHOUT ROWID;
CREATE INDEX promises_by_time ON promises (shown_at);
