-- How far each version of a template has come, and which one is in force. n counts the
-- changes of all of them; used is the change that put a version in force, 0 = none did.
ALTER TABLE message_templates ADD COLUMN state      TEXT   NOT NULL DEFAULT 'pending';
ALTER TABLE message_templates ADD COLUMN decided_by TEXT   NOT NULL DEFAULT '';
ALTER TABLE message_templates ADD COLUMN decided_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message_templates ADD COLUMN n          BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message_templates ADD COLUMN used       BIGINT NOT NULL DEFAULT 0;
CREATE INDEX message_templates_by_change ON message_templates (n);
