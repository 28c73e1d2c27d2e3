-- Callbacks get the time of their arrival, so that they can be listed and those for
-- unknown orders can expire. The age of what is there already counts from now on.
ALTER TABLE callbacks ADD COLUMN received_at BIGINT NOT NULL DEFAULT 0;
UPDATE callbacks SET received_at = CAST(strftime('%s', 'now') AS BIGINT) * 1000;
CREATE INDEX callbacks_by_time ON callbacks (received_at, id);
-- What is not settled is a small part of the whole.
CREATE INDEX callbacks_waiting ON callbacks (state, received_at, id) WHERE state <> 'processed';

-- Callbacks that were refused. The order's number in them is the sender's word.
CREATE TABLE rejected_callbacks (
  id          INTEGER PRIMARY KEY,
  channel     TEXT   NOT NULL,
  order_no    TEXT   NOT NULL, -- '' = none could be read
  reason      TEXT   NOT NULL,
  received_at BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  size        BIGINT NOT NULL, -- bytes of raw
  raw         BLOB   NOT NULL  -- as in callbacks
);
CREATE INDEX rejected_by_channel ON rejected_callbacks (channel, id, reason, size);
CREATE INDEX rejected_by_time ON rejected_callbacks (received_at, id);
CREATE INDEX rejected_by_end ON rejected_callbacks (expires_at);
