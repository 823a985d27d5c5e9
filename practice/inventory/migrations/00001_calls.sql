-- +goose Up

-- One row an operation that was called, also after it has left the description.
CREATE TABLE inventory_operations (
	api         TEXT NOT NULL,
	operation   TEXT NOT NULL,
	method      TEXT NOT NULL,
	path        TEXT NOT NULL,   -- template, base path included
	calls       BIGINT NOT NULL,
	refused     BIGINT NOT NULL, -- before anybody was known
	first_seen  BIGINT NOT NULL, -- instants are Unix time in milliseconds, 0: never
	last_called BIGINT NOT NULL,
	last_caller TEXT NOT NULL,   -- client, key id or subject; '' if nobody was ever known
	PRIMARY KEY (api, operation)
);

-- One row a shape of an undeclared path. Package inventory bounds their number.
CREATE TABLE inventory_shadow (
	method      TEXT NOT NULL,
	path        TEXT NOT NULL,
	calls       BIGINT NOT NULL,
	first_seen  BIGINT NOT NULL,
	last_called BIGINT NOT NULL,
	last_caller TEXT NOT NULL,
	PRIMARY KEY (method, path)
);
CREATE INDEX inventory_shadow_least ON inventory_shadow (calls, last_called);

-- Calls of shapes that found no room, or lost it.
CREATE TABLE inventory_other (
	one   BIGINT PRIMARY KEY CHECK (one = 1),
	calls BIGINT NOT NULL
);
