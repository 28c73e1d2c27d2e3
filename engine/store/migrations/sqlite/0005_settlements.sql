-- Files of channels that were imported, row by row.
CREATE TABLE settlements (
  id          TEXT   NOT NULL PRIMARY KEY, -- made from the content, so that a file is imported once
  channel     TEXT   NOT NULL,
  actor       TEXT   NOT NULL,
  state       TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  from_at     BIGINT NOT NULL, -- the earliest and the latest row
  until_at    BIGINT NOT NULL
);
CREATE INDEX settlements_newest ON settlements (created_at DESC, id);

CREATE TABLE settlement_rows (
  settlement_id TEXT   NOT NULL,
  line          BIGINT NOT NULL,
  order_no      TEXT   NOT NULL,
  channel_txn   TEXT   NOT NULL,
  refund_id     TEXT   NOT NULL,
  minor         BIGINT NOT NULL,
  currency      TEXT   NOT NULL,
  claims        TEXT   NOT NULL,
  at            BIGINT NOT NULL,
  outcome       TEXT   NOT NULL, -- 'waiting' until it was weighed
  code          TEXT   NOT NULL,
  PRIMARY KEY (settlement_id, line)
) WITHOUT ROWID;
CREATE INDEX settlement_rows_by_outcome ON settlement_rows (settlement_id, outcome, line);
CREATE INDEX settlement_rows_by_order ON settlement_rows (order_no);

-- When each order was found paid, to be compared with the files.
CREATE TABLE payments (
  channel    TEXT   NOT NULL,
  settled_at BIGINT NOT NULL,
  order_no   TEXT   NOT NULL,
  PRIMARY KEY (channel, settled_at, order_no)
) WITHOUT ROWID;
