-- Leases end with the one process that has the database open, so that they need no
-- columns: it keeps them in memory. What is due is found by its time, leased or not.
DROP INDEX tasks_free;
DROP INDEX tasks_leased;
ALTER TABLE tasks DROP COLUMN token;
ALTER TABLE tasks DROP COLUMN lease_until;
CREATE INDEX tasks_due ON tasks (due_at);
