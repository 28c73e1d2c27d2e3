-- What payers read before they opted in, and when they took it back: then the address is ''.
ALTER TABLE opt_ins ADD COLUMN wording TEXT NOT NULL DEFAULT '';
ALTER TABLE opt_ins ADD COLUMN ended_at BIGINT NOT NULL DEFAULT 0; -- 0 = it holds
