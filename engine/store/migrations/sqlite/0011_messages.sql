-- What payers were told. Addresses are not in it: a fingerprint tells them apart.
CREATE TABLE messages (
  id            TEXT   NOT NULL PRIMARY KEY,
  order_no      TEXT   NOT NULL,
  backend       TEXT   NOT NULL,
  notice        TEXT   NOT NULL,
  channel       TEXT   NOT NULL,
  provider      TEXT   NOT NULL, -- '' = none was called
  provider_id   TEXT   NOT NULL,
  fingerprint   TEXT   NOT NULL,
  masked        TEXT   NOT NULL,
  language      TEXT   NOT NULL,
  template      TEXT   NOT NULL,
  version       BIGINT NOT NULL,
  status        TEXT   NOT NULL,
  code          TEXT   NOT NULL,
  segments      BIGINT NOT NULL,
  cost_micros   BIGINT NOT NULL,
  cost_currency TEXT   NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  took_ms       BIGINT NOT NULL,
  history       TEXT   NOT NULL  -- JSON
);
CREATE INDEX messages_by_order ON messages (order_no, created_at DESC, id);
CREATE INDEX messages_newest ON messages (created_at DESC, id);
CREATE INDEX messages_by_provider ON messages (provider, provider_id) WHERE provider_id <> '';

-- How many messages were sent within a bound: of a payer or of all, in a day.
CREATE TABLE message_counts (
  name       TEXT   NOT NULL PRIMARY KEY,
  n          BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX message_counts_by_end ON message_counts (expires_at);

-- Addresses that payers gave on their pages, with their consent.
CREATE TABLE opt_ins (
  payer       TEXT   NOT NULL, -- id of the inbox
  channel     TEXT   NOT NULL,
  fingerprint TEXT   NOT NULL,
  address     TEXT   NOT NULL, -- sealed
  locale      TEXT   NOT NULL,
  order_no    TEXT   NOT NULL,
  at          BIGINT NOT NULL,
  PRIMARY KEY (payer, channel, fingerprint)
) WITHOUT ROWID;

CREATE TABLE opt_outs (
  payer   TEXT   NOT NULL,
  channel TEXT   NOT NULL,
  at      BIGINT NOT NULL,
  PRIMARY KEY (payer, channel)
) WITHOUT ROWID;

CREATE TABLE dead_addresses (
  fingerprint TEXT   NOT NULL PRIMARY KEY,
  channel     TEXT   NOT NULL,
  provider    TEXT   NOT NULL,
  code        TEXT   NOT NULL,
  at          BIGINT NOT NULL
) WITHOUT ROWID;

-- Message centres: one for each payer of a backend. seq rises with each change.
CREATE TABLE inboxes (
  id     TEXT   NOT NULL PRIMARY KEY,
  seq    BIGINT NOT NULL,
  unread BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE inbox_items (
  inbox_id TEXT   NOT NULL,
  n        BIGINT NOT NULL, -- seq of the inbox when it came
  id       TEXT   NOT NULL,
  order_no TEXT   NOT NULL,
  notice   TEXT   NOT NULL,
  language TEXT   NOT NULL,
  title    TEXT   NOT NULL,
  body     TEXT   NOT NULL,
  at       BIGINT NOT NULL,
  read_at  BIGINT NOT NULL, -- 0 = unread
  PRIMARY KEY (inbox_id, n)
) WITHOUT ROWID;

-- Wording that people wrote. Of each name, language, channel and brand the highest
-- version is in force, or the built-in text when that is off.
CREATE TABLE message_templates (
  name     TEXT   NOT NULL,
  language TEXT   NOT NULL,
  channel  TEXT   NOT NULL,
  brand    TEXT   NOT NULL,
  version  BIGINT NOT NULL,
  content  TEXT   NOT NULL, -- JSON
  off      BIGINT NOT NULL,
  actor    TEXT   NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (name, language, channel, brand, version)
) WITHOUT ROWID;
