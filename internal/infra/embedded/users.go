package embedded

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// User is a person or a program that calls.
type User struct {
	ID             string
	Name           string
	DefaultProject string // id of the project of a token that names none
	Enabled        bool
	CreatedAt      time.Time
}

// userRecord is the stored form of a user.
type userRecord struct {
	User
	PasswordHash string
}

// CreateUser makes a user with a password, in no project yet but with
// defaultProject (an id, or "") for tokens that name none. A name that is
// taken is hanok.KindConflict.
func (i *Identity) CreateUser(ctx context.Context, name, password, defaultProject string) (User, error) {
	if err := checkName("name", name); err != nil {
		return User{}, err
	}
	if err := checkPassword(password); err != nil {
		return User{}, err
	}
	hash, err := i.hasher.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	user := userRecord{PasswordHash: hash, User: User{
		ID: newID(), Name: name, DefaultProject: defaultProject, Enabled: true,
		CreatedAt: i.now().UTC().Truncate(time.Second),
	}}
	err = i.store.Update(ctx, func(tx store.Tx) error {
		if _, err := findUser(tx, infra.Credentials{UserName: name}); err == nil {
			return hanok.Errorf(hanok.KindConflict, "a user named %s exists already", name)
		} else if hanok.KindOf(err) != hanok.KindNotFound {
			return err
		}
		if defaultProject != "" {
			if _, err := get[infra.Project](tx, kindProject, defaultProject, defaultProject); err != nil {
				return err
			}
		}
		return putUser(tx, user)
	})
	return user.User, err
}

// Users lists all users, by name.
func (i *Identity) Users(ctx context.Context) ([]User, error) {
	var users []User
	err := i.store.View(ctx, func(tx store.Tx) error {
		records, err := list[userRecord](tx, kindUser, "")
		users = make([]User, 0, len(records))
		for _, r := range records {
			users = append(users, r.User)
		}
		return err
	})
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return users, err
}

// SetPassword gives a user (by id or name) another password and ends all of
// the user's tokens.
func (i *Identity) SetPassword(ctx context.Context, user, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := i.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return i.changeUser(ctx, user, func(u *userRecord) { u.PasswordHash = hash })
}

func (i *Identity) changeUser(ctx context.Context, idOrName string, change func(*userRecord)) error {
	defer i.cache.clear()
	return i.store.Update(ctx, func(tx store.Tx) error {
		u, err := userByIDOrName(tx, idOrName)
		if err != nil {
			return err
		}
		change(&u)
		if err := putUser(tx, u); err != nil {
			return err
		}
		return tx.DeleteTokensOf(u.ID)
	})
}

// DeleteUser removes a user (by id or name) with tokens, roles, key pairs and
// application credentials.
// The user's clusters stay: they belong to the project.
func (i *Identity) DeleteUser(ctx context.Context, user string) error {
	defer i.cache.clear()
	return i.store.Update(ctx, func(tx store.Tx) error {
		u, err := userByIDOrName(tx, user)
		if err != nil {
			return err
		}
		assignments, err := list[assignment](tx, kindAssignment, "")
		if err != nil {
			return err
		}
		for _, a := range assignments {
			if a.UserID == u.ID {
				if err := tx.DeleteDocument(kindAssignment, assignmentID(a.UserID, a.ProjectID)); err != nil {
					return err
				}
			}
		}
		keypairs, err := list[infra.Keypair](tx, kindKeypair, "")
		if err != nil {
			return err
		}
		for _, k := range keypairs {
			if k.UserID == u.ID {
				if err := tx.DeleteDocument(kindKeypair, keypairID(k.ProjectID, k.UserID, k.Name)); err != nil {
					return err
				}
			}
		}
		if err := tx.DeleteTokensOf(u.ID); err != nil {
			return err
		}
		if err := deleteCredentials(tx, func(c infra.ApplicationCredential) bool { return c.UserID == u.ID }); err != nil {
			return err
		}
		return tx.DeleteDocument(kindUser, u.ID)
	})
}

func putUser(tx store.Tx, u userRecord) error {
	d, err := document(kindUser, u.ID, "", u.Name, u.CreatedAt, u)
	if err != nil {
		return err
	}
	d.Secret = true
	return tx.PutDocument(d)
}

// findUser looks a user up as a token request names it.
func findUser(tx store.Tx, cred infra.Credentials) (userRecord, error) {
	if cred.UserID != "" {
		return get[userRecord](tx, kindUser, cred.UserID, cred.UserID)
	}
	if !inDomain(cred.UserDomain) {
		return userRecord{}, hanok.NotFound("user", cred.UserName)
	}
	docs, err := tx.Documents(kindUser, "")
	if err != nil {
		return userRecord{}, err
	}
	for _, d := range docs {
		if d.Name == cred.UserName {
			return decode[userRecord](d)
		}
	}
	return userRecord{}, hanok.NotFound("user", cred.UserName)
}

func userByIDOrName(tx store.Tx, idOrName string) (userRecord, error) {
	u, err := findUser(tx, infra.Credentials{UserID: idOrName})
	if idOrName == "" || hanok.KindOf(err) == hanok.KindNotFound {
		return findUser(tx, infra.Credentials{UserName: idOrName})
	}
	return u, err
}

// newID gives an id as Keystone writes them: a UUID without its dashes.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// checkName is the rule for the names of what an operator makes.
func checkName(field, name string) error {
	if strings.TrimSpace(name) != name || name == "" || len(name) > 255 {
		return hanok.Invalid(field, "%q must be 1 to 255 bytes without space at its ends", name)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return hanok.Invalid(field, "%q holds a control character or is not UTF-8", name)
		}
	}
	return nil
}
