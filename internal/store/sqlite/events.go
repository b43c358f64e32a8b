package sqlite

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hanok/hanok"
)

const eventColumns = `uuid, project_id, cluster_uuid, cluster_name, resource_uuid, resource_name, resource_type,
	type, state, contents, step, epoch, deadline, input, created_at, updated_at`

func scanEvent(r row) (e hanok.Event, err error) {
	var input string
	err = r.Scan(&e.ID, &e.UUID, &e.ProjectID, &e.ClusterUUID, &e.ClusterName, &e.ResourceUUID, &e.ResourceName, &e.ResourceType,
		&e.Type, &e.State, &e.Contents, &e.Step, &e.Epoch, micros{&e.Deadline}, &input, micros{&e.CreatedAt}, micros{&e.UpdatedAt})
	if input != "" {
		e.Input = json.RawMessage(input)
	}
	return e, err
}

func (t *tx) Events(clusterUUID string) ([]hanok.Event, error) {
	return many(t, scanEvent, "events",
		`SELECT id, `+eventColumns+` FROM events WHERE cluster_uuid = ? ORDER BY id DESC`, clusterUUID)
}

func (t *tx) Event(clusterUUID, uuid string) (hanok.Event, error) {
	return one(t, scanEvent, "event", uuid,
		`SELECT id, `+eventColumns+` FROM events WHERE cluster_uuid = ? AND uuid = ?`, clusterUUID, uuid)
}

func (t *tx) EventByID(id int64) (hanok.Event, error) {
	return one(t, scanEvent, "event", strconv.FormatInt(id, 10),
		`SELECT id, `+eventColumns+` FROM events WHERE id = ?`, id)
}

func (t *tx) UnfinishedEvents(clusterUUID string) ([]hanok.Event, error) {
	return many(t, scanEvent, "events", `SELECT id, `+eventColumns+` FROM events
		WHERE state = 'IN_PROGRESS' AND (?1 = '' OR cluster_uuid = ?1) ORDER BY id`, clusterUUID)
}

func (t *tx) InsertEvent(e hanok.Event) (hanok.Event, error) {
	res, err := t.run(`INSERT INTO events (`+eventColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.UUID, e.ProjectID, e.ClusterUUID, e.ClusterName, e.ResourceUUID, e.ResourceName, e.ResourceType,
		string(e.Type), string(e.State), e.Contents, e.Step, e.Epoch, toMicros(e.Deadline), string(e.Input),
		toMicros(e.CreatedAt), toMicros(e.UpdatedAt))
	if err == nil {
		e.ID, err = res.LastInsertId()
	}
	if err != nil {
		return e, fmt.Errorf("write event %s: %w", e.UUID, err)
	}
	return e, nil
}

func (t *tx) UpdateEvent(e hanok.Event) error {
	n, err := t.exec("event "+e.UUID, `UPDATE events
		SET state = ?, contents = ?, step = ?, epoch = ?, deadline = ?, updated_at = ?
		WHERE id = ? AND epoch <= ?`,
		string(e.State), e.Contents, e.Step, e.Epoch, toMicros(e.Deadline), toMicros(e.UpdatedAt), e.ID, e.Epoch)
	if err != nil || n > 0 {
		return err
	}
	now, err := t.EventByID(e.ID)
	if err != nil {
		return err
	}
	return hanok.Errorf(hanok.KindConflict, "event %s was taken over: its epoch is %d, this writer's %d", now.UUID, now.Epoch, e.Epoch)
}

func (t *tx) DeleteOldEvents(before time.Time, keep, limit int) (int, error) {
	const old = `FROM events WHERE state <> 'IN_PROGRESS' AND cluster_uuid NOT IN (SELECT uuid FROM clusters)`
	n, err := t.exec("events", `DELETE FROM events WHERE id IN (
		SELECT id `+old+` AND (updated_at < ?1 OR id <= (SELECT id `+old+` ORDER BY id DESC LIMIT 1 OFFSET ?2))
		ORDER BY id LIMIT ?3)`, toMicros(before), keep, limit)
	return int(n), err
}

func (t *tx) Enqueue(eventID int64) error {
	// The write is what makes this fail in a View, as the contract has it; an
	// event that is over or unknown is nobody's work.
	n, err := t.exec("queue", `UPDATE events SET state = state WHERE id = ?`, eventID)
	if err != nil {
		return err
	}
	if n == 0 {
		return hanok.NotFound("event", strconv.FormatInt(eventID, 10))
	}
	t.enqueued = append(t.enqueued, eventID)
	return nil
}
