-- Times are Unix milliseconds, 0 means "not yet". JSON is text and leaves out what is zero: no query
-- looks into it.
-- No foreign keys: a callback may precede its order (quarantine), and everything else is
-- written together with its order or after it, by one writer.

CREATE TABLE orders (
  order_no   TEXT   NOT NULL PRIMARY KEY,
  seq        BIGINT NOT NULL,
  status     TEXT   NOT NULL,
  channel    TEXT   NOT NULL,
  diagnosis  TEXT   NOT NULL,
  stage      TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  state      TEXT   NOT NULL, -- the order without its payer's contact
  contact    TEXT   NOT NULL, -- phone, e-mail, push addresses; '' = none
  backend    TEXT   NOT NULL
);
-- Lists are a backend's, newest first. What never changes may be indexed for all orders:
-- that costs a registration, and no change of state. What changes is indexed only while
-- it is rare: the orders that somebody waits for or looks into, and the ends that are no
-- success. The others are so many that walking orders_by_backend finds a page of them.
CREATE INDEX orders_by_backend ON orders (backend, created_at DESC, order_no);
CREATE INDEX orders_by_channel ON orders (backend, channel, created_at DESC, order_no);
CREATE INDEX orders_live ON orders (backend, created_at DESC, order_no)
  WHERE stage <> 'resolved' OR diagnosis <> 'resolved';
CREATE INDEX orders_unpaid ON orders (backend, status, created_at DESC, order_no)
  WHERE status IN ('failed', 'closed', 'refunding', 'refunded');

CREATE TABLE events (
  order_no TEXT   NOT NULL,
  seq      BIGINT NOT NULL,
  type     TEXT   NOT NULL,
  at       BIGINT NOT NULL,
  event    TEXT   NOT NULL,
  PRIMARY KEY (order_no, seq)
) WITHOUT ROWID;

CREATE TABLE tasks (
  order_no    TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  target      TEXT   NOT NULL,
  due_at      BIGINT NOT NULL,
  tries       BIGINT NOT NULL,
  token       BIGINT NOT NULL,
  lease_until BIGINT NOT NULL, -- 0 = not leased
  PRIMARY KEY (order_no, kind, target)
) WITHOUT ROWID;
-- Two halves, so that neither the armed nor the leased are waded through to find the
-- other: what is free by due time, what is leased by the end of its lease.
CREATE INDEX tasks_free ON tasks (due_at) WHERE lease_until = 0;
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE lease_until <> 0;

CREATE TABLE callbacks (
  id           INTEGER PRIMARY KEY, -- order of arrival
  channel      TEXT NOT NULL,
  dedupe_key   TEXT NOT NULL,
  order_no     TEXT NOT NULL,
  state        TEXT NOT NULL,
  notification TEXT NOT NULL,
  raw          BLOB NOT NULL, -- the request in the encoding of raw.go
  UNIQUE (channel, dedupe_key)
);
CREATE INDEX callbacks_by_order ON callbacks (order_no, state, id);

CREATE TABLE webhooks (
  id          TEXT   NOT NULL PRIMARY KEY,
  order_no    TEXT   NOT NULL,
  seq         BIGINT NOT NULL,
  type        TEXT   NOT NULL,
  body        TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  accepted_at BIGINT NOT NULL DEFAULT 0,
  given_up_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX webhooks_pending ON webhooks (order_no, seq, id) WHERE accepted_at = 0 AND given_up_at = 0;

CREATE TABLE idempotency_keys (
  order_no TEXT   NOT NULL,
  key      TEXT   NOT NULL,
  hash     TEXT   NOT NULL,
  seq      BIGINT NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (order_no, key)
) WITHOUT ROWID;
