-- Keys that must outlive those that they are sealed with.
CREATE TABLE sealed_keys (
  name   TEXT NOT NULL PRIMARY KEY,
  sealed TEXT NOT NULL
) WITHOUT ROWID;
