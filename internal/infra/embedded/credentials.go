package embedded

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// credentialRecord is the stored form of an application credential.
type credentialRecord struct {
	infra.ApplicationCredential
	SecretHash string
}

var _ infra.ApplicationCredentials = (*Identity)(nil)

// CreateApplicationCredential makes an application credential.
func (i *Identity) CreateApplicationCredential(ctx context.Context, c infra.ApplicationCredential, secret string) (infra.ApplicationCredential, string, error) {
	fail := func(err error) (infra.ApplicationCredential, string, error) {
		return infra.ApplicationCredential{}, "", err
	}
	if err := checkName("name", c.Name); err != nil {
		return fail(err)
	}
	if len(c.Description) > 255 {
		return fail(hanok.Invalid("description", "has more than 255 bytes"))
	}
	now := i.now().UTC().Truncate(time.Second)
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(now) {
		return fail(hanok.Invalid("expires_at", "%s is not in the future", c.ExpiresAt.UTC().Format(time.RFC3339)))
	}
	if secret == "" {
		secret = base64.RawURLEncoding.EncodeToString(randomBytes(32))
	} else if err := checkPassword(secret); err != nil {
		return fail(hanok.Invalid("secret", "has %d characters; give 8 to %d, or leave it out to have one made", len(secret), maxPassword))
	}
	hash, err := i.hasher.hash(ctx, secret)
	if err != nil {
		return fail(err)
	}
	c.ID, c.CreatedAt = newID(), now
	err = i.store.Update(ctx, func(tx store.Tx) error {
		a, err := get[assignment](tx, kindAssignment, assignmentID(c.UserID, c.ProjectID), "")
		if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
			return err
		}
		roles, err := grantedRoles(c.Roles, a.Roles)
		if err != nil {
			return err
		}
		if _, err := findCredential(tx, c.UserID, c.Name); err == nil {
			return hanok.Errorf(hanok.KindConflict, "an application credential named %s exists already", hanok.Quote(c.Name))
		} else if hanok.KindOf(err) != hanok.KindNotFound {
			return err
		}
		c.Roles = roles
		d, err := document(kindCredential, c.ID, c.ProjectID, c.Name, c.CreatedAt, credentialRecord{c, hash})
		if err != nil {
			return err
		}
		d.Secret = true
		return tx.PutDocument(d)
	})
	if err != nil {
		return fail(err)
	}
	return c, secret, nil
}

// grantedRoles gives the roles that a credential gets of those its user has.
func grantedRoles(wanted, has []string) ([]string, error) {
	if len(wanted) == 0 {
		wanted = has
	}
	for _, role := range wanted {
		if !slices.Contains(has, role) {
			return nil, hanok.Errorf(hanok.KindForbidden, "roles: you have no role %s in this project to pass on", hanok.Quote(role))
		}
	}
	if len(wanted) == 0 {
		return nil, hanok.Errorf(hanok.KindForbidden, "roles: you have no role in this project to pass on")
	}
	roles := slices.Clone(wanted)
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

// ApplicationCredentials lists a user's application credentials, by name.
func (i *Identity) ApplicationCredentials(ctx context.Context, userID string) ([]infra.ApplicationCredential, error) {
	found := []infra.ApplicationCredential{}
	err := i.store.View(ctx, func(tx store.Tx) error {
		all, err := list[credentialRecord](tx, kindCredential, "")
		for _, c := range all {
			if c.UserID == userID {
				found = append(found, c.ApplicationCredential)
			}
		}
		return err
	})
	slices.SortFunc(found, func(a, b infra.ApplicationCredential) int { return strings.Compare(a.Name, b.Name) })
	return found, err
}

// ApplicationCredential finds one of a user's application credentials.
func (i *Identity) ApplicationCredential(ctx context.Context, userID, id string) (infra.ApplicationCredential, error) {
	var c credentialRecord
	err := i.store.View(ctx, func(tx store.Tx) (err error) {
		c, err = ownCredential(tx, userID, id)
		return err
	})
	return c.ApplicationCredential, err
}

func ownCredential(tx store.Tx, userID, id string) (credentialRecord, error) {
	c, err := get[credentialRecord](tx, kindCredential, id, hanok.Quote(id))
	if err == nil && c.UserID != userID {
		return credentialRecord{}, hanok.NotFound(kindCredential, hanok.Quote(id))
	}
	return c, err
}

// DeleteApplicationCredential ends one of a user's application credentials.
func (i *Identity) DeleteApplicationCredential(ctx context.Context, userID, id string) error {
	defer i.cache.clear()
	return i.store.Update(ctx, func(tx store.Tx) error {
		if _, err := ownCredential(tx, userID, id); err != nil {
			return err
		}
		return tx.DeleteDocument(kindCredential, id)
	})
}

// findCredential looks a user's credential up by name.
func findCredential(tx store.Tx, userID, name string) (credentialRecord, error) {
	docs, err := tx.Documents(kindCredential, "")
	if err != nil {
		return credentialRecord{}, err
	}
	for _, d := range docs {
		if d.Name != name {
			continue
		}
		c, err := decode[credentialRecord](d)
		if err != nil || c.UserID == userID {
			return c, err
		}
	}
	return credentialRecord{}, hanok.NotFound(kindCredential, hanok.Quote(name))
}

// namedCredential looks a credential up as a token request names it.
func namedCredential(tx store.Tx, cred infra.Credentials) (credentialRecord, error) {
	if cred.CredentialID != "" {
		return get[credentialRecord](tx, kindCredential, cred.CredentialID, hanok.Quote(cred.CredentialID))
	}
	user, err := findUser(tx, cred)
	if err != nil {
		return credentialRecord{}, err
	}
	return findCredential(tx, user.ID, cred.CredentialName)
}

// byCredential checks an application credential's secret, and issues a token
// for its project that lives no longer than the credential.
func (i *Identity) byCredential(ctx context.Context, cred infra.Credentials) (infra.Token, error) {
	key := failureKey(cred)
	if err := i.mayTry(key); err != nil {
		return infra.Token{}, err
	}
	var c credentialRecord
	var user userRecord
	err := i.store.View(ctx, func(tx store.Tx) (err error) {
		if c, err = namedCredential(tx, cred); err != nil {
			return err
		}
		user, err = get[userRecord](tx, kindUser, c.UserID, c.UserID)
		return err
	})
	if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
		return infra.Token{}, err
	}
	good, err := i.checkSecret(ctx, key, c.SecretHash, cred.CredentialSecret)
	if err != nil {
		return infra.Token{}, err
	}
	if !good || !user.Enabled || c.expired(i.now()) {
		i.failures.failed(key)
		return infra.Token{}, errRefused()
	}
	expires := i.now().UTC().Add(i.life)
	if !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(expires) {
		expires = c.ExpiresAt
	}
	scoped := infra.Credentials{ProjectID: c.ProjectID, CredentialID: c.ID}
	token, err := i.issue(ctx, scoped, user, []string{"application_credential"}, expires)
	switch {
	case err == nil:
		i.failures.succeeded(key)
	case hanok.KindOf(err) == hanok.KindUnauthorized: // its roles were taken away
		i.failures.failed(key)
		err = errRefused()
	}
	return token, err
}

func (c credentialRecord) expired(now time.Time) bool {
	return !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(now)
}

// narrow gives what a token of an application credential has of its user's
// roles now; no roles when the credential is gone or has expired.
func narrow(tx store.Tx, record store.Token, roles []string, now time.Time) ([]string, *infra.TokenCredential, error) {
	c, err := get[credentialRecord](tx, kindCredential, record.CredentialID, "")
	if hanok.KindOf(err) == hanok.KindNotFound || err == nil && (c.expired(now) || c.ProjectID != record.ProjectID) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return !slices.Contains(c.Roles, r) })
	return kept, &infra.TokenCredential{ID: c.ID, Name: c.Name, Unrestricted: c.Unrestricted}, nil
}

// deleteCredentials removes the credentials that match.
func deleteCredentials(tx store.Tx, match func(infra.ApplicationCredential) bool) error {
	all, err := list[credentialRecord](tx, kindCredential, "")
	if err != nil {
		return err
	}
	for _, c := range all {
		if match(c.ApplicationCredential) {
			if err := tx.DeleteDocument(kindCredential, c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
