-- +goose Up

-- One row a key, for ever: a revoked key stays, so that its id is never given out again and its history can be read.
CREATE TABLE apikey_keys (
	id          TEXT PRIMARY KEY,
	hash        BYTEA NOT NULL,   -- HMAC-SHA256(pepper, key); the key itself is nowhere
	client      TEXT NOT NULL,
	owner       TEXT NOT NULL,
	plan        TEXT NOT NULL,
	scopes      TEXT NOT NULL,    -- sorted, separated by spaces
	all_scopes  BOOLEAN NOT NULL,
	networks    TEXT NOT NULL,    -- CIDR, separated by spaces; none: from anywhere
	created     BIGINT NOT NULL,  -- instants are Unix time in milliseconds
	expires     BIGINT NOT NULL,  -- 0: never
	revoked     BIGINT NOT NULL,  -- 0: it is not
	replaces    TEXT NOT NULL,
	replaced_by TEXT NOT NULL,
	grace_ends  BIGINT NOT NULL,
	last_used   BIGINT NOT NULL   -- 0: never
);
CREATE INDEX apikey_keys_client ON apikey_keys (client, id);

-- What other nodes must forget: one row for each key that lost something. The newest row is never removed.
CREATE TABLE apikey_changes (
	seq    BIGINT PRIMARY KEY,
	key_id TEXT NOT NULL
);

CREATE TABLE apikey_usage (
	key_id     TEXT NOT NULL,
	day        BIGINT NOT NULL,  -- days since 1 January 1970, UTC
	api        TEXT NOT NULL,
	operation  TEXT NOT NULL,
	calls      BIGINT NOT NULL,
	refused    BIGINT NOT NULL,
	refused_by TEXT NOT NULL,    -- practice of the latest refusal
	last_used  BIGINT NOT NULL,
	PRIMARY KEY (key_id, day, api, operation)
);
CREATE INDEX apikey_usage_day ON apikey_usage (day);

-- Tells a wrong pepper from unknown keys.
CREATE TABLE apikey_pepper (
	one  BIGINT PRIMARY KEY CHECK (one = 1),
	mark BYTEA NOT NULL
);
