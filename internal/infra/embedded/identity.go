package embedded

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// defaultTokenLife is how long a token is valid unless configured otherwise.
const defaultTokenLife = 12 * time.Hour

// domainName is the one domain that users and projects are in.
const domainName = "Default"

// IdentityOptions shape an Identity. Zero fields take the defaults.
type IdentityOptions struct {
	TokenLife time.Duration    // default 12 hours
	Now       func() time.Time // default time.Now
}

// Identity checks passwords and tokens against the store. All methods may be
// called at once.
type Identity struct {
	store    store.Store
	life     time.Duration
	now      func() time.Time
	hasher   *hasher
	failures *failures
	cache    *tokenCache

	mu       sync.Mutex
	lastTidy time.Time // when expired tokens were last removed
}

var (
	_ infra.Identity = (*Identity)(nil)
	_ infra.Projects = (*Identity)(nil)
)

// NewIdentity makes an Identity over a store; Seed fills an empty one.
func NewIdentity(s store.Store, o IdentityOptions) *Identity {
	if o.TokenLife == 0 {
		o.TokenLife = defaultTokenLife
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Identity{
		store:    s,
		life:     o.TokenLife,
		now:      o.Now,
		hasher:   newHasher(),
		failures: newFailures(o.Now),
		cache:    newTokenCache(o.Now),
	}
}

// errRefused is the one answer to every wrong credential, so that it tells
// nothing of what exists.
func errRefused() error {
	return hanok.Errorf(hanok.KindUnauthorized,
		"the credentials are not valid: check the user, the password and the project")
}

// Authenticate checks a password, or an existing token, and issues a token
// for the project asked for, or for the user's default project. A token got
// by a token lives no longer than that one.
func (i *Identity) Authenticate(ctx context.Context, cred infra.Credentials) (infra.Token, error) {
	switch {
	case cred.TokenID != "":
		return i.rescope(ctx, cred)
	case cred.CredentialID != "" || cred.CredentialName != "":
		return i.byCredential(ctx, cred)
	}
	key := failureKey(cred)
	user, err := i.checkCredentials(ctx, key, cred)
	if err != nil {
		return infra.Token{}, err
	}
	now := i.now().UTC()
	token, err := i.issue(ctx, cred, user, []string{"password"}, now.Add(i.life))
	switch {
	case err == nil:
		i.failures.succeeded(key)
	case hanok.KindOf(err) == hanok.KindUnauthorized:
		i.failures.failed(key)
	}
	return token, err
}

// checkCredentials gives the user whose password it is, and counts failures.
func (i *Identity) checkCredentials(ctx context.Context, key string, cred infra.Credentials) (userRecord, error) {
	if err := i.mayTry(key); err != nil {
		return userRecord{}, err
	}
	var user userRecord
	err := i.store.View(ctx, func(tx store.Tx) (err error) {
		user, err = findUser(tx, cred)
		return err
	})
	if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
		return userRecord{}, err
	}
	good, err := i.checkSecret(ctx, key, user.PasswordHash, cred.Password)
	if err != nil {
		return userRecord{}, err
	}
	if !good || !user.Enabled {
		i.failures.failed(key)
		return userRecord{}, errRefused()
	}
	return user, nil
}

// checkSecret tells whether a password or a secret has this hash, "" for that
// of nobody, in the same time for all.
func (i *Identity) checkSecret(ctx context.Context, key, hash, secret string) (bool, error) {
	if err := i.hasher.enter(ctx); err != nil {
		return false, err
	}
	defer i.hasher.leave()
	// Again, now that others who tried at the same time have been counted.
	if err := i.mayTry(key); err != nil {
		return false, err
	}
	return i.hasher.verify(hash, secret)
}

func (i *Identity) mayTry(key string) error {
	wait, ok := i.failures.allowed(key)
	if ok {
		return nil
	}
	return hanok.Errorf(hanok.KindTooMany,
		"too many failed attempts for this user from this address; try again in %d seconds", int(wait.Seconds())+1)
}

func (i *Identity) rescope(ctx context.Context, cred infra.Credentials) (infra.Token, error) {
	old, err := i.Validate(ctx, cred.TokenID)
	if err != nil {
		return infra.Token{}, err
	}
	methods := slices.Clone(old.Methods)
	if !slices.Contains(methods, "token") {
		methods = append(methods, "token")
	}
	var user userRecord
	err = i.store.View(ctx, func(tx store.Tx) (err error) {
		user, err = get[userRecord](tx, kindUser, old.UserID, old.UserID)
		return err
	})
	if hanok.KindOf(err) == hanok.KindNotFound || err == nil && !user.Enabled {
		return infra.Token{}, errRefused()
	}
	if err != nil {
		return infra.Token{}, err
	}
	if old.Credential != nil {
		// It is for its project alone.
		if cred.ProjectID != "" && cred.ProjectID != old.ProjectID || cred.ProjectName != "" && cred.ProjectName != old.ProjectName {
			return infra.Token{}, errRefused()
		}
		cred = infra.Credentials{ProjectID: old.ProjectID, CredentialID: old.Credential.ID}
	}
	return i.issue(ctx, cred, user, methods, old.ExpiresAt)
}

// failureKey counts failures by the name as it was sent, known or not.
func failureKey(cred infra.Credentials) string {
	user := cred.UserID
	switch {
	case cred.CredentialID != "":
		user = "credential:" + cred.CredentialID
	case user == "":
		user = "name:" + cred.UserName
	}
	if len(user) > 256 {
		user = user[:256]
	}
	addr := cred.RemoteAddr
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		addr = ap.Addr().String()
	}
	return user + "\x00" + addr
}

// inDomain tells whether a domain that was sent, by id or name, is the one
// that there is.
func inDomain(domain string) bool {
	return domain == "" || strings.EqualFold(domain, domainName)
}
