-- +goose Up

-- One row for each class of secrets: its keys, wrapped by the key-encryption key.
CREATE TABLE encrypt_keysets (
	class   TEXT PRIMARY KEY,
	wrapped BYTEA NOT NULL,  -- a tink keyset, encrypted and bound to the class
	kek     TEXT NOT NULL,   -- public id of the key-encryption key
	created BIGINT NOT NULL  -- of the primary key: Unix time in milliseconds
);
