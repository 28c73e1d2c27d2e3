-- What operators hold back. One row for each target that was ever paused: a pause that is
-- over stays as it was until the next takes its place.
CREATE TABLE pauses (
  kind   TEXT   NOT NULL,
  target TEXT   NOT NULL,
  until  BIGINT NOT NULL,
  since  BIGINT NOT NULL,
  actor  TEXT   NOT NULL,
  reason TEXT   NOT NULL,
  PRIMARY KEY (kind, target)
) WITHOUT ROWID;
