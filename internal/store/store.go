// Package store is the contract of hanok's database. SQLite (store/sqlite)
// implements it; PostgreSQL comes later; the suite in store/storetest runs
// against each.
package store

import (
	"context"
	"time"

	"github.com/hanok/hanok"
)

// Store keeps everything that must survive a crash, and the job queue that
// wakes workers. Committed transactions survive a power cut.
type Store interface {
	// Update runs fn in one write transaction: all of it or nothing, and no
	// other Update at the same time. fn may be called again after a
	// serialisation failure, so it must have no effect outside tx. An error
	// of fn rolls back and is returned as it is, or wrapped in a
	// hanok.KindUnavailable one that explains it where the disk below the
	// database is at fault (diskfault.Is). fn must not call Update.
	Update(ctx context.Context, fn func(tx Tx) error) error
	// View runs fn over one consistent snapshot; writes through tx fail.
	// Nested Views each hold a connection: do not nest them.
	View(ctx context.Context, fn func(tx Tx) error) error
	// Work runs handle for each enqueued event that is in progress until ctx ends, at most
	// workers at once, and waits for the running ones. A handler that returns
	// retry > 0 is called again for that event after that time. An event may
	// be delivered more than once, also to two workers: the handler looks
	// before it acts. Events that were enqueued or under way when the process
	// died are delivered at once when Work starts.
	Work(ctx context.Context, workers int, handle func(ctx context.Context, eventID int64) (retry time.Duration)) error
	// Close releases the database. Safe to call twice.
	Close() error
}

// Tx is one transaction. Look-ups and deletions of what is not there give a
// hanok.KindNotFound error. Put inserts or replaces by the record's key. Times
// are kept to the microsecond.
type Tx interface {
	// Clusters of a project, oldest first; "" lists all projects'.
	Clusters(project string) ([]hanok.Cluster, error)
	Cluster(uuid string) (hanok.Cluster, error)
	// ClustersByName may give several: names repeat.
	ClustersByName(project, name string) ([]hanok.Cluster, error)
	PutCluster(hanok.Cluster) error
	// DeleteCluster removes the cluster with its groups, nodes and secrets.
	// Its events stay.
	DeleteCluster(uuid string) error

	NodeGroups(clusterUUID string) ([]hanok.NodeGroup, error)
	NodeGroup(clusterUUID, uuidOrName string) (hanok.NodeGroup, error)
	// WorkerCount is the wanted number of nodes of a cluster's groups of
	// workers together: what a list of many clusters needs of their groups.
	WorkerCount(clusterUUID string) (int, error)
	// PutNodeGroup gives the record back with its integer ID set.
	PutNodeGroup(hanok.NodeGroup) (hanok.NodeGroup, error)
	DeleteNodeGroup(uuid string) error

	// Nodes of a cluster, oldest first, control-plane members among them.
	Nodes(clusterUUID string) ([]hanok.Node, error)
	// WorkerAddresses are the known addresses of a cluster's workers, oldest
	// first; groupUUID "" is all groups.
	WorkerAddresses(clusterUUID, groupUUID string) ([]string, error)
	// AllNodes lists the nodes of every cluster of a project ("" all).
	AllNodes(project string) ([]hanok.Node, error)
	NodeByKey(key string) (hanok.Node, error)
	PutNode(hanok.Node) error
	DeleteNode(key string) error

	// Events of a cluster, newest first.
	Events(clusterUUID string) ([]hanok.Event, error)
	Event(clusterUUID, uuid string) (hanok.Event, error)
	EventByID(id int64) (hanok.Event, error)
	// UnfinishedEvents lists the events in progress; "" those of all clusters.
	UnfinishedEvents(clusterUUID string) ([]hanok.Event, error)
	// InsertEvent gives the record back with its ID set.
	InsertEvent(hanok.Event) (hanok.Event, error)
	// UpdateEvent writes State, Contents, Step, Epoch, Deadline, UpdatedAt
	// where the stored epoch is not newer than e's; otherwise KindConflict.
	UpdateEvent(e hanok.Event) error
	// DeleteOldEvents removes events that have ended of clusters that are no
	// more: those last written before a time, and of the rest all but the
	// newest keep; at most limit of them. It gives how many it removed.
	DeleteOldEvents(before time.Time, keep, limit int) (int, error)
	// Enqueue wakes a worker for an event once the transaction is committed.
	Enqueue(eventID int64) error

	// Secret and PutSecret keep a cluster's secrets (or the installation's,
	// clusterUUID ""), encrypted at rest under the key file.
	Secret(clusterUUID, name string) ([]byte, error)
	PutSecret(clusterUUID, name string, value []byte) error
	DeleteSecret(clusterUUID, name string) error

	// Documents keep the embedded catalogue and identity: JSON bodies by kind
	// and id. Project "" is everybody's.
	Documents(kind, project string) ([]Document, error) // project's own; "" lists all of the kind
	Document(kind, id string) (Document, error)
	PutDocument(Document) error
	DeleteDocument(kind, id string) error

	// Tokens by the hash of the secret.
	Token(hash string) (Token, error)
	PutToken(Token) error
	DeleteToken(hash string) error
	DeleteTokensOf(userID string) error
	DeleteExpiredTokens(now time.Time) (int, error)
}

// Document is one record of the embedded catalogue or identity.
type Document struct {
	Kind    string
	ID      string
	Project string
	Name    string
	Body    []byte // JSON
	// Secret bodies are encrypted at rest.
	Secret    bool
	CreatedAt time.Time
}

// Token is an issued token; the secret itself is not kept.
type Token struct {
	Hash      string // sha256 of the token, hex
	UserID    string
	ProjectID string
	Methods   []string
	// CredentialID is the application credential that the token was got by,
	// "" for none.
	CredentialID string
	IssuedAt     time.Time
	ExpiresAt    time.Time
}
