package infra

import "context"

// Project is what owns clusters and networks (Keystone's tenant).
type Project struct {
	ID      string
	Name    string
	Enabled bool
}

// Projects is what an Identity offers beside itself so that users find the
// projects that they may scope a token to.
type Projects interface {
	// Projects lists those in which the user has a role, by name. An unknown
	// user has none.
	Projects(ctx context.Context, userID string) ([]Project, error)
	// Project finds any project by id; KindNotFound where there is none.
	Project(ctx context.Context, id string) (Project, error)
}
