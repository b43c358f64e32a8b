-- Times are microseconds since 1970 in UTC; 0 is "not set". Maps and lists are JSON.

-- +goose Up
CREATE TABLE clusters (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid           TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    project_id     TEXT NOT NULL,
    user_id        TEXT NOT NULL,
    keypair        TEXT NOT NULL,
    flavor_id      TEXT NOT NULL,
    fixed_network  TEXT NOT NULL,
    fixed_subnet   TEXT NOT NULL,
    create_timeout INTEGER NOT NULL,
    discovery_url  TEXT,
    master_count   INTEGER,
    labels         TEXT NOT NULL,
    version        TEXT NOT NULL,
    stack_id       TEXT NOT NULL,
    status         TEXT NOT NULL,
    status_reason  TEXT NOT NULL,
    api_address    TEXT NOT NULL,
    health_status  TEXT NOT NULL,
    health_reason  TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX clusters_by_name ON clusters (project_id, name);

CREATE TABLE node_groups (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid           TEXT NOT NULL UNIQUE,
    cluster_uuid   TEXT NOT NULL REFERENCES clusters (uuid) ON DELETE CASCADE,
    project_id     TEXT NOT NULL,
    name           TEXT NOT NULL,
    role           TEXT NOT NULL,
    is_default     INTEGER NOT NULL,
    flavor_id      TEXT NOT NULL,
    image_id       TEXT NOT NULL,
    keypair        TEXT NOT NULL,
    node_count     INTEGER NOT NULL,
    min_node_count INTEGER NOT NULL,
    max_node_count INTEGER,
    labels         TEXT NOT NULL,
    version        TEXT NOT NULL,
    stack_id       TEXT NOT NULL,
    status         TEXT NOT NULL,
    status_reason  TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (cluster_uuid, name)
) STRICT;

CREATE TABLE nodes (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    key             TEXT NOT NULL UNIQUE,
    uuid            TEXT NOT NULL,
    cluster_uuid    TEXT NOT NULL REFERENCES clusters (uuid) ON DELETE CASCADE,
    node_group_uuid TEXT NOT NULL,
    project_id      TEXT NOT NULL,
    role            TEXT NOT NULL,
    name            TEXT NOT NULL,
    flavor_id       TEXT NOT NULL,
    image_id        TEXT NOT NULL,
    port_id         TEXT NOT NULL,
    address         TEXT NOT NULL,
    pod_cidr        TEXT NOT NULL,
    status          TEXT NOT NULL,
    version         TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX nodes_by_cluster ON nodes (cluster_uuid);
CREATE INDEX nodes_by_project ON nodes (project_id);

-- Events outlive their cluster, so they refer to it by UUID only.
CREATE TABLE events (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid          TEXT NOT NULL UNIQUE,
    project_id    TEXT NOT NULL,
    cluster_uuid  TEXT NOT NULL,
    cluster_name  TEXT NOT NULL,
    resource_uuid TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    type          TEXT NOT NULL,
    state         TEXT NOT NULL,
    contents      TEXT NOT NULL,
    step          TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    deadline      INTEGER NOT NULL,
    input         TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_cluster ON events (cluster_uuid);
CREATE INDEX events_unfinished ON events (id) WHERE state = 'IN_PROGRESS';

-- value is sealed: see crypt.go.
CREATE TABLE secrets (
    cluster_uuid TEXT NOT NULL,
    name         TEXT NOT NULL,
    value        BLOB NOT NULL,
    PRIMARY KEY (cluster_uuid, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    project    TEXT NOT NULL,
    name       TEXT NOT NULL,
    body       BLOB NOT NULL,
    secret     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX documents_by_project ON documents (kind, project);

CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL,
    project_id TEXT NOT NULL,
    methods    TEXT NOT NULL,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

-- +goose Down
DROP TABLE tokens;
DROP TABLE documents;
DROP TABLE secrets;
DROP TABLE events;
DROP TABLE nodes;
DROP TABLE node_groups;
DROP TABLE clusters;
