-- Who did what by hand, and why. Written in the transaction of what was done.
CREATE TABLE audit (
  id     INTEGER PRIMARY KEY, -- order of writing
  at     BIGINT NOT NULL,
  actor  TEXT   NOT NULL,
  action TEXT   NOT NULL,
  target TEXT   NOT NULL,
  reason TEXT   NOT NULL
);
