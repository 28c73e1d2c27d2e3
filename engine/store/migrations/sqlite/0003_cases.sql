-- What people must look at: a copy of the cases in their orders, which is written in the
-- same commit, so that they can be listed without reading every order.
CREATE TABLE cases (
  id         TEXT   NOT NULL PRIMARY KEY,
  order_no   TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  channel    TEXT   NOT NULL,
  backend    TEXT   NOT NULL,
  opened_at  BIGINT NOT NULL,
  answer_by  BIGINT NOT NULL,
  closed_at  BIGINT NOT NULL, -- 0 = open
  closed_by  TEXT   NOT NULL, -- '' = evidence answered it
  resolution TEXT   NOT NULL,
  note       TEXT   NOT NULL
);
CREATE INDEX cases_newest ON cases (opened_at DESC, id);
CREATE INDEX cases_by_kind ON cases (kind, opened_at DESC, id);
CREATE INDEX cases_by_order ON cases (order_no);
-- Few cases are open however many there have been.
CREATE INDEX cases_open ON cases (opened_at DESC, id) WHERE closed_at = 0;
