-- The newest state of each order that a payer had on the screen.
CREATE TABLE sightings (
  order_no TEXT   NOT NULL PRIMARY KEY,
  seq      BIGINT NOT NULL,
  at       BIGINT NOT NULL -- when it was first reported
) WITHOUT ROWID;
CREATE INDEX sightings_by_time ON sightings (at);

-- What payers did on their pages: nothing about the person, a bounded number of each order.
CREATE TABLE acts (
  order_no TEXT   NOT NULL,
  n        BIGINT NOT NULL, -- rises by one with each of the order
  name     TEXT   NOT NULL,
  status   TEXT   NOT NULL, -- that was on the screen
  stage    TEXT   NOT NULL,
  at       BIGINT NOT NULL,
  value    BIGINT NOT NULL,
  PRIMARY KEY (order_no, n)
) WITHOUT ROWID;
CREATE INDEX acts_by_time ON acts (at);
