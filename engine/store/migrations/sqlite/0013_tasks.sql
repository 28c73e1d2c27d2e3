-- Tasks get rows of their own in the order of writing. Those that are due together were
-- mostly written together, so that leasing and moving them touches few pages, however the
-- numbers of their orders are scattered; and the indexes of due times hold a number
-- instead of the whole key.
CREATE TABLE tasks_by_row (
  id          INTEGER PRIMARY KEY,
  order_no    TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  target      TEXT   NOT NULL,
  due_at      BIGINT NOT NULL,
  tries       BIGINT NOT NULL,
  token       BIGINT NOT NULL,
  lease_until BIGINT NOT NULL, -- 0 = not leased
  UNIQUE (order_no, kind, target)
);
INSERT INTO tasks_by_row (order_no, kind, target, due_at, tries, token, lease_until)
SELECT order_no, kind, target, due_at, tries, token, lease_until FROM tasks ORDER BY due_at;
DROP TABLE tasks;
ALTER TABLE tasks_by_row RENAME TO tasks;
CREATE INDEX tasks_free ON tasks (due_at) WHERE lease_until = 0;
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE lease_until <> 0;
