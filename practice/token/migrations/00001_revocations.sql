-- +goose Up

-- What was taken back. Rows are only ever added, and removed when no token can be as old as they are: the newest stays, so
-- that other nodes see that they miss none.
CREATE TABLE token_revocations (
	id      TEXT PRIMARY KEY,
	seq     BIGINT NOT NULL UNIQUE,
	kind    TEXT NOT NULL,    -- id, subject, client or all
	mark    BYTEA NOT NULL,   -- HMAC-SHA256(pepper, kind, issuer, name); the names are nowhere in clear
	until   BIGINT NOT NULL,  -- tokens issued up to this second, Unix time, are refused
	created BIGINT NOT NULL,  -- Unix time in milliseconds
	sealed  BYTEA NOT NULL    -- issuer, name, reason, and who asked
);
CREATE INDEX token_revocations_mark ON token_revocations (mark);
