-- What operators tell payers during an incident. version counts every change of the board.
CREATE TABLE announcements (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  version BIGINT NOT NULL,
  channel TEXT   NOT NULL, -- '' = payers of every channel
  texts   TEXT   NOT NULL, -- JSON, by language
  since   BIGINT NOT NULL,
  until   BIGINT NOT NULL,
  actor   TEXT   NOT NULL
);
CREATE INDEX announcements_by_end ON announcements (until);
CREATE INDEX announcements_by_version ON announcements (version);

-- What payers said of their page, with the state and the wording that they saw.
CREATE TABLE feedback (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  order_no TEXT   NOT NULL,
  at       BIGINT NOT NULL,
  seq      BIGINT NOT NULL,
  status   TEXT   NOT NULL,
  wording  TEXT   NOT NULL,
  helped   INT    NOT NULL, -- 1, 0, or -1 = not said
  text     TEXT   NOT NULL
);
CREATE INDEX feedback_by_order ON feedback (order_no, id);

-- One-time codes that let a payer find an order again. One a number, be it an order's or not.
CREATE TABLE lookup_codes (
  order_no   TEXT   NOT NULL PRIMARY KEY,
  hash       BLOB   NOT NULL,
  expires_at BIGINT NOT NULL,
  tries      INT    NOT NULL
);
CREATE INDEX lookup_codes_by_end ON lookup_codes (expires_at);
