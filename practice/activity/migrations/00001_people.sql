-- +goose Up

-- One row a person whose records are kept. Its key opens what the records say of that person; without the row nothing does.
CREATE TABLE activity_people (
	pseudonym TEXT PRIMARY KEY,
	mac       BYTEA NOT NULL UNIQUE, -- HMAC-SHA256 of the subject
	secret    BYTEA NOT NULL,        -- the key, sealed
	created   BIGINT NOT NULL        -- Unix time in milliseconds
);

-- The newest checkpoint of the log of one data directory.
CREATE TABLE activity_head (
	log    TEXT PRIMARY KEY,
	head   BYTEA NOT NULL
);
