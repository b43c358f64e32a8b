-- +goose Up
-- Which application credential a token was got by, '' for none: the token ends with it.
ALTER TABLE tokens ADD COLUMN credential_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE tokens DROP COLUMN credential_id;
