-- By address: one that asked for no more is ended for all who left it on a page.
CREATE INDEX opt_ins_by_address ON opt_ins (fingerprint) WHERE ended_at = 0;
