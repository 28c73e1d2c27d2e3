-- Events get rows of their own in the order of writing. Sorted by order they were put
-- between others as a rule, a page of the log for each; now that is so of their index only,
-- of which a page holds ten times as many.
CREATE TABLE events_by_row (
  id       INTEGER PRIMARY KEY,
  order_no TEXT   NOT NULL,
  seq      BIGINT NOT NULL,
  type     TEXT   NOT NULL,
  at       BIGINT NOT NULL,
  event    TEXT   NOT NULL,
  UNIQUE (order_no, seq)
);
INSERT INTO events_by_row (order_no, seq, type, at, event) SELECT order_no, seq, type, at, event FROM events ORDER BY at, order_no, seq;
DROP TABLE events;
ALTER TABLE events_by_row RENAME TO events;
