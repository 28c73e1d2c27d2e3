-- Where webhooks go, once something had to be noted of it. A backend without a row is well.
CREATE TABLE endpoints (
  backend     TEXT   NOT NULL PRIMARY KEY,
  gone_at     BIGINT NOT NULL, -- first answer 410 in a row
  disabled_at BIGINT NOT NULL
);

-- The last tries of each webhook, with what the backend answered.
CREATE TABLE deliveries (
  webhook_id  TEXT   NOT NULL,
  n           BIGINT NOT NULL, -- rises by one with each try
  at          BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  code        TEXT   NOT NULL,
  status      BIGINT NOT NULL, -- of HTTP; 0 = no answer
  body        TEXT   NOT NULL,
  PRIMARY KEY (webhook_id, n)
) WITHOUT ROWID;

-- All of an order's webhooks, so that they can be listed; the few that were accepted are
-- passed over quickly on the way to the next pending one.
DROP INDEX webhooks_pending;
CREATE INDEX webhooks_by_order ON webhooks (order_no, seq, id);
CREATE INDEX webhooks_accepted ON webhooks (accepted_at) WHERE accepted_at <> 0;
