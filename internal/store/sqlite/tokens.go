package sqlite

import (
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

const tokenColumns = `hash, user_id, project_id, methods, credential_id, issued_at, expires_at`

func scanToken(r row) (k store.Token, err error) {
	err = r.Scan(&k.Hash, &k.UserID, &k.ProjectID, jsonText{&k.Methods}, &k.CredentialID, micros{&k.IssuedAt}, micros{&k.ExpiresAt})
	return k, err
}

func (t *tx) Token(hash string) (store.Token, error) {
	// Not even the hash of a token belongs in an error.
	return one(t, scanToken, "token", "with this hash", `SELECT `+tokenColumns+` FROM tokens WHERE hash = ?`, hash)
}

func (t *tx) PutToken(k store.Token) error {
	_, err := t.exec("token", `INSERT INTO tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hash) DO UPDATE SET
			user_id = excluded.user_id, project_id = excluded.project_id, methods = excluded.methods,
			credential_id = excluded.credential_id, issued_at = excluded.issued_at, expires_at = excluded.expires_at`,
		k.Hash, k.UserID, k.ProjectID, toJSON(k.Methods), k.CredentialID, toMicros(k.IssuedAt), toMicros(k.ExpiresAt))
	return err
}

func (t *tx) DeleteToken(hash string) error {
	n, err := t.exec("token", `DELETE FROM tokens WHERE hash = ?`, hash)
	if err == nil && n == 0 {
		err = hanok.NotFound("token", "with this hash")
	}
	return err
}

func (t *tx) DeleteTokensOf(userID string) error {
	_, err := t.exec("tokens of user "+userID, `DELETE FROM tokens WHERE user_id = ?`, userID)
	return err
}

func (t *tx) DeleteExpiredTokens(now time.Time) (int, error) {
	n, err := t.exec("tokens", `DELETE FROM tokens WHERE expires_at <= ?`, toMicros(now))
	return int(n), err
}
