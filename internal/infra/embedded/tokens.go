package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// tidyInterval is how often issuing a token also removes the expired ones.
const tidyInterval = 10 * time.Minute

// issue writes a new token. It looks again at what the check relied on: the
// password may have been changed in the meantime, and its tokens voided.
func (i *Identity) issue(ctx context.Context, cred infra.Credentials, checked userRecord, methods []string, expires time.Time) (infra.Token, error) {
	secret := base64.RawURLEncoding.EncodeToString(randomBytes(32))
	now := i.now().UTC().Truncate(time.Second)
	tidy := i.tidyDue(now)
	var token infra.Token
	err := i.store.Update(ctx, func(tx store.Tx) error {
		user, err := get[userRecord](tx, kindUser, checked.ID, checked.ID)
		if hanok.KindOf(err) == hanok.KindNotFound {
			return errRefused()
		}
		if err != nil {
			return err
		}
		if !user.Enabled || user.PasswordHash != checked.PasswordHash {
			return errRefused()
		}
		projectID, err := scope(tx, user, cred)
		if err != nil {
			return err
		}
		record := store.Token{
			Hash: tokenHash(secret), UserID: user.ID, ProjectID: projectID, Methods: methods, CredentialID: cred.CredentialID,
			IssuedAt: now, ExpiresAt: expires.UTC().Truncate(time.Second),
		}
		token, err = describe(tx, record, i.now())
		if err != nil {
			return err
		}
		if tidy {
			if _, err := tx.DeleteExpiredTokens(now); err != nil {
				return err
			}
		}
		return tx.PutToken(record)
	})
	if err != nil {
		return infra.Token{}, err
	}
	token.ID = secret
	return token, nil
}

func (i *Identity) tidyDue(now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now.Sub(i.lastTidy) < tidyInterval {
		return false
	}
	i.lastTidy = now
	return true
}

// Validate gives what a token stands for. Answers are kept for a few seconds
// (see tokenCache); a token ends at once when it is revoked through this Identity.
func (i *Identity) Validate(ctx context.Context, id string) (infra.Token, error) {
	// The store is asked by hash, so neither it nor the cache gives a hint by
	// its timing of how much of a guessed secret was right.
	hash := tokenHash(id)
	token, generation, ok := i.cache.get(hash)
	if !ok {
		var err error
		token, err = i.read(ctx, hash)
		if err != nil {
			return infra.Token{}, err
		}
		if token.ExpiresAt.After(i.now()) {
			i.cache.put(hash, token, generation)
		}
	}
	if !token.ExpiresAt.After(i.now()) {
		return infra.Token{}, errNoToken()
	}
	token.ID = id
	// The cache's own slices must not be changed by callers.
	token.Roles, token.Methods = slices.Clone(token.Roles), slices.Clone(token.Methods)
	return token, nil
}

func (i *Identity) read(ctx context.Context, hash string) (infra.Token, error) {
	var token infra.Token
	err := i.store.View(ctx, func(tx store.Tx) error {
		record, err := tx.Token(hash)
		if hanok.KindOf(err) == hanok.KindNotFound {
			return errNoToken()
		}
		if err != nil {
			return err
		}
		token, err = describe(tx, record, i.now())
		return err
	})
	return token, err
}

// describe adds the names and roles of now to a stored token. A token whose
// user or project is gone or disabled, or whose role was taken away, is none.
func describe(tx store.Tx, record store.Token, now time.Time) (infra.Token, error) {
	refuse := func(err error) (infra.Token, error) {
		if err == nil || hanok.KindOf(err) == hanok.KindNotFound {
			err = errNoToken()
		}
		return infra.Token{}, err
	}
	user, err := get[userRecord](tx, kindUser, record.UserID, record.UserID)
	if err != nil || !user.Enabled {
		return refuse(err)
	}
	project, err := get[infra.Project](tx, kindProject, record.ProjectID, record.ProjectID)
	if err != nil || !project.Enabled {
		return refuse(err)
	}
	a, err := get[assignment](tx, kindAssignment, assignmentID(user.ID, project.ID), "")
	if err != nil || len(a.Roles) == 0 {
		return refuse(err)
	}
	roles, credential := a.Roles, (*infra.TokenCredential)(nil)
	if record.CredentialID != "" {
		if roles, credential, err = narrow(tx, record, a.Roles, now); err != nil || len(roles) == 0 {
			return refuse(err)
		}
	}
	return infra.Token{
		UserID: user.ID, UserName: user.Name, ProjectID: project.ID, ProjectName: project.Name,
		Roles: roles, Methods: record.Methods, IssuedAt: record.IssuedAt, ExpiresAt: record.ExpiresAt, Credential: credential,
	}, nil
}

// Revoke ends a token at once.
func (i *Identity) Revoke(ctx context.Context, id string) error {
	hash := tokenHash(id)
	err := i.store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Token(hash); err != nil {
			if hanok.KindOf(err) == hanok.KindNotFound {
				return hanok.Errorf(hanok.KindNotFound, "the token could not be found")
			}
			return err
		}
		return tx.DeleteToken(hash)
	})
	// Also after an error: it may have come after the commit.
	i.cache.clear()
	return err
}

// scope gives the project that a token is asked for. A project that is not
// there and one in which the user has no role are told apart by nobody.
func scope(tx store.Tx, user userRecord, cred infra.Credentials) (string, error) {
	id := cred.ProjectID
	switch {
	case id != "":
	case cred.ProjectName != "":
		if !inDomain(cred.ProjectDomain) {
			return "", errRefused()
		}
		p, err := projectByName(tx, cred.ProjectName)
		if hanok.KindOf(err) == hanok.KindNotFound {
			return "", errRefused()
		}
		if err != nil {
			return "", err
		}
		id = p.ID
	default:
		id = user.DefaultProject
	}
	a, err := get[assignment](tx, kindAssignment, assignmentID(user.ID, id), "")
	if hanok.KindOf(err) == hanok.KindNotFound || err == nil && len(a.Roles) == 0 {
		return "", errRefused()
	}
	if err != nil {
		return "", err
	}
	p, err := get[infra.Project](tx, kindProject, id, id)
	if hanok.KindOf(err) == hanok.KindNotFound || err == nil && !p.Enabled {
		return "", errRefused()
	}
	return id, err
}

func errNoToken() error {
	return hanok.Errorf(hanok.KindUnauthorized, "the token is not valid: it is unknown, has expired or was revoked")
}

func tokenHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
