// Package auth lets only callers with a valid token through to a handler.
package auth

import (
	"context"
	"net/http"
	"slices"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

type tokenKey struct{}

// Require lets a request through to next when its X-Auth-Token is valid, and
// puts the token into its context. Without one the answer is 401 as
// keystonemiddleware has it. Whoever has neither the admin nor the member
// role in the project may only read: anything but GET, HEAD and OPTIONS is
// 403, in the error shape of style.
func Require(identity infra.Identity, style respond.Style, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Auth-Token")
		if id == "" {
			respond.Error(w, r, style, hanok.Errorf(hanok.KindUnauthorized, "The request you have made requires authentication."))
			return
		}
		token, err := identity.Validate(r.Context(), id)
		if err != nil {
			if hanok.KindOf(err) == hanok.KindUnauthorized {
				// One text for unknown, expired and revoked: the difference helps only a guesser.
				err = &hanok.Error{Kind: hanok.KindUnauthorized, Detail: "The token is not valid or has expired; request a new one.", Err: err}
			}
			respond.Error(w, r, style, err)
			return
		}
		respond.SetCaller(r.Context(), token.UserID, token.ProjectID)
		if !reads(r.Method) && !MayWrite(token) {
			respond.Error(w, r, style, hanok.Errorf(hanok.KindForbidden,
				"your roles in project %s allow reading only; ask for the %s or %s role", token.ProjectName, infra.RoleMember, infra.RoleAdmin))
			return
		}
		next.ServeHTTP(w, r.WithContext(withToken(r.Context(), token)))
	})
}

// reads tells whether a method changes nothing.
func reads(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// MayWrite tells whether a token allows more than reading: its holder has the
// admin or the member role in the project.
func MayWrite(t infra.Token) bool {
	return slices.Contains(t.Roles, infra.RoleAdmin) || slices.Contains(t.Roles, infra.RoleMember)
}

// IsAdmin tells whether a token's holder administers the installation: the
// role is given in a project, as in OpenStack, and holds for all of it.
func IsAdmin(t infra.Token) bool { return slices.Contains(t.Roles, infra.RoleAdmin) }

// withToken puts a validated token into a context.
func withToken(ctx context.Context, t infra.Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// Token gives the caller's token behind Require, and an empty one elsewhere.
func Token(ctx context.Context) infra.Token {
	t, _ := ctx.Value(tokenKey{}).(infra.Token)
	return t
}
