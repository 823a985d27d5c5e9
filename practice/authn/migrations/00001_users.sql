-- +goose Up

CREATE TABLE authn_users (
	name     TEXT PRIMARY KEY,
	client   TEXT NOT NULL,
	scopes   TEXT NOT NULL,    -- sorted, separated by spaces
	hash     BYTEA NOT NULL,   -- Argon2id of the password in PHC form, sealed and bound to the row
	created  BIGINT NOT NULL,  -- instants are Unix time in milliseconds
	disabled BIGINT NOT NULL   -- 0: may log in
);

-- Counts changes of users, so that every node forgets passwords that it remembers.
CREATE TABLE authn_changes (
	one BIGINT PRIMARY KEY CHECK (one = 1),
	seq BIGINT NOT NULL
);

-- Keys that sign what the upstream is told of a caller.
CREATE TABLE authn_signing_keys (
	kid     TEXT PRIMARY KEY,
	sealed  BYTEA NOT NULL,  -- the private key, bound to the row
	created BIGINT NOT NULL
);
