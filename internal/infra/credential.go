package infra

import (
	"context"
	"time"
)

// ApplicationCredential lets a program act for a user in one project without
// the user's password.
type ApplicationCredential struct {
	ID          string
	Name        string // unique among the user's
	Description string
	UserID      string
	ProjectID   string
	Roles       []string // what it has of the user's roles in the project
	// Unrestricted credentials may make and delete application credentials.
	Unrestricted bool
	ExpiresAt    time.Time // zero: never
	CreatedAt    time.Time
}

// ApplicationCredentials is what an Identity offers beside itself so that
// users make and end application credentials. A user sees only his own;
// others' are KindNotFound.
type ApplicationCredentials interface {
	// CreateApplicationCredential makes one for the user and project named in
	// it, and gives its secret, made where "" was given, which is kept
	// nowhere. No roles mean all of the user's in the project; a role that the
	// user has not is KindForbidden, a name that is taken KindConflict.
	CreateApplicationCredential(ctx context.Context, c ApplicationCredential, secret string) (ApplicationCredential, string, error)
	// ApplicationCredentials lists a user's, by name.
	ApplicationCredentials(ctx context.Context, userID string) ([]ApplicationCredential, error)
	ApplicationCredential(ctx context.Context, userID, id string) (ApplicationCredential, error)
	// DeleteApplicationCredential ends one, and its tokens at once.
	DeleteApplicationCredential(ctx context.Context, userID, id string) error
}
