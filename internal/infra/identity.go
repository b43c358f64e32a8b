package infra

import (
	"context"
	"time"
)

// Identity checks who calls. The embedded one (infra/embedded) keeps users
// and projects in the store; a Keystone driver comes later.
type Identity interface {
	// Authenticate checks a password and gives a new token scoped to a
	// project. Wrong name, wrong password and unknown project give the same
	// hanok.KindUnauthorized error, in constant time. Repeated failures give
	// hanok.KindTooMany.
	Authenticate(ctx context.Context, cred Credentials) (Token, error)
	// Validate checks a token: KindUnauthorized when unknown, expired or revoked.
	Validate(ctx context.Context, id string) (Token, error)
	// Revoke ends a token. Revoking an unknown one is KindNotFound.
	Revoke(ctx context.Context, id string) error
}

// Credentials are what a token request carries. Empty fields were not sent.
type Credentials struct {
	UserID, UserName, UserDomain string
	Password                     string
	TokenID                      string // method "token": rescope an existing token
	ProjectID, ProjectName       string
	ProjectDomain                string
	RemoteAddr                   string // for the failure limit
	// Method "application_credential": the id, or the name with the user.
	CredentialID, CredentialName string
	CredentialSecret             string
}

// Token is a validated token. ID is the secret itself: never logged.
type Token struct {
	ID          string
	UserID      string
	UserName    string
	ProjectID   string
	ProjectName string
	Roles       []string // "admin", "member", "reader"
	Methods     []string
	IssuedAt    time.Time
	ExpiresAt   time.Time
	// Credential is the application credential that the token was got by, nil
	// for none. It is shared and must not be changed.
	Credential *TokenCredential
}

// TokenCredential is what a token tells of its application credential.
type TokenCredential struct {
	ID, Name     string
	Unrestricted bool // may make and delete application credentials
}

// The roles.
const (
	RoleAdmin  = "admin"
	RoleMember = "member"
	RoleReader = "reader"
)
