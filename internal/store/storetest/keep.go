package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

func testEvents(t *testing.T, s store.Store) {
	first, second, other := event("e1", "c1"), event("e2", "c1"), event("e3", "c2")
	second.Input = nil
	update(t, s, func(tx store.Tx) (err error) {
		for _, e := range []*hanok.Event{&first, &second, &other} {
			want := *e
			if *e, err = tx.InsertEvent(want); err != nil {
				return err
			}
			if e.ID == 0 {
				t.Error("a new event has no id")
			}
			want.ID = e.ID
			equal(t, "event given back", *e, want)
		}
		return nil
	})
	first.State, first.Contents, first.Step, first.Epoch = hanok.EventSuccess, "done", "finish", 4
	first.Deadline, first.UpdatedAt = at(20), at(21)
	update(t, s, func(tx store.Tx) error { return tx.UpdateEvent(first) })
	view(t, s, func(tx store.Tx) error {
		of, err := tx.Events("c1")
		equal(t, "events, newest first", of, []hanok.Event{second, first})
		one, err2 := tx.Event("c1", "e1")
		equal(t, "one event", one, first)
		_, err3 := tx.Event("c2", "e1")
		wantKind(t, "through another cluster", err3, hanok.KindNotFound)
		byID, err4 := tx.EventByID(other.ID)
		equal(t, "by id", byID, other)
		left, err5 := tx.UnfinishedEvents("c1")
		equal(t, "unfinished of a cluster", left, []hanok.Event{second})
		all, err6 := tx.UnfinishedEvents("")
		equal(t, "unfinished", all, []hanok.Event{second, other})
		return errors.Join(err, err2, err4, err5, err6)
	})
}

// testOldEvents: of clusters that are no more, and only of these, events go
// that are too old or too many.
func testOldEvents(t *testing.T, s store.Store) {
	// By their ids, in this order; "live" is there, the others are not.
	update(t, s, func(tx store.Tx) error {
		if err := tx.PutCluster(cluster("live", "n", "p1")); err != nil {
			return err
		}
		for i, e := range []struct {
			uuid, cluster string
			state         hanok.EventState
		}{
			{"e0", "gone", hanok.EventSuccess}, {"e1", "live", hanok.EventSuccess}, {"e2", "gone", hanok.EventInProgress},
			{"e3", "gone", hanok.EventFail}, {"e4", "gone2", hanok.EventSuccess}, {"e5", "gone2", hanok.EventSuccess},
		} {
			made := event(e.uuid, e.cluster)
			made.State, made.UpdatedAt = e.state, at(i)
			if _, err := tx.InsertEvent(made); err != nil {
				return err
			}
		}
		return nil
	})
	remaining := func() (uuids []string) {
		view(t, s, func(tx store.Tx) error {
			for _, cluster := range []string{"live", "gone", "gone2"} {
				of, err := tx.Events(cluster)
				if err != nil {
					return err
				}
				for _, e := range of {
					uuids = append(uuids, e.UUID)
				}
			}
			return nil
		})
		return uuids
	}
	for _, tt := range []struct {
		what        string
		before      time.Time
		keep, limit int
		removed     int
		remaining   []string
	}{
		{"nothing is old or too much", at(0), 4, 10, 0, []string{"e1", "e3", "e2", "e0", "e5", "e4"}},
		{"old", at(1), 4, 10, 1, []string{"e1", "e3", "e2", "e5", "e4"}},
		{"no more than the limit", at(100), 4, 1, 1, []string{"e1", "e2", "e5", "e4"}},
		{"too many", time.Time{}, 1, 10, 1, []string{"e1", "e2", "e5"}},
		{"none is to be kept", time.Time{}, 0, 10, 1, []string{"e1", "e2"}},
	} {
		update(t, s, func(tx store.Tx) error {
			n, err := tx.DeleteOldEvents(tt.before, tt.keep, tt.limit)
			equal(t, "removed: "+tt.what, n, tt.removed)
			return err
		})
		equal(t, "remaining: "+tt.what, remaining(), tt.remaining)
	}
}

// testEventFence: a writer whose event was taken over changes nothing more,
// also of what it wrote in the same transaction.
func testEventFence(t *testing.T, s store.Store) {
	var late hanok.Event
	update(t, s, func(tx store.Tx) (err error) {
		if err := tx.PutCluster(cluster("c1", "n", "p1")); err != nil {
			return err
		}
		late, err = tx.InsertEvent(event("e1", "c1"))
		return err
	})
	taken := late
	taken.Epoch++
	update(t, s, func(tx store.Tx) error { return tx.UpdateEvent(taken) })
	taken.Contents = "same epoch"
	update(t, s, func(tx store.Tx) error { return tx.UpdateEvent(taken) })

	late.Contents = "too late"
	err := s.Update(t.Context(), func(tx store.Tx) error {
		c := cluster("c1", "n", "p1")
		c.StatusReason = "too late"
		return errors.Join(tx.PutCluster(c), tx.UpdateEvent(late))
	})
	wantKind(t, "a late writer", err, hanok.KindConflict)
	unknown := event("e9", "c1")
	unknown.ID = 4711
	err = s.Update(t.Context(), func(tx store.Tx) error { return tx.UpdateEvent(unknown) })
	wantKind(t, "an unknown event", err, hanok.KindNotFound)
	view(t, s, func(tx store.Tx) error {
		e, err := tx.EventByID(late.ID)
		equal(t, "the event", e, taken)
		c, err2 := tx.Cluster("c1")
		equal(t, "the cluster", c.StatusReason, "because")
		return errors.Join(err, err2)
	})
}

func testSecrets(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutSecret("c1", "k", []byte("one")), tx.PutSecret("c1", "k", []byte("two")),
			tx.PutSecret("c2", "k", []byte("three")), tx.PutSecret("", "k", []byte{0, 255}), tx.PutSecret("c1", "empty", nil))
	})
	view(t, s, func(tx store.Tx) error {
		for _, tt := range []struct {
			cluster, name string
			want          []byte
		}{{"c1", "k", []byte("two")}, {"c2", "k", []byte("three")}, {"", "k", []byte{0, 255}}, {"c1", "empty", nil}} {
			got, err := tx.Secret(tt.cluster, tt.name)
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("Secret(%q, %q) = %q, %v, want %q", tt.cluster, tt.name, got, err, tt.want)
			}
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteSecret("c1", "k") })
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Secret("c1", "k")
		wantKind(t, "deleted secret", err, hanok.KindNotFound)
		_, err = tx.Secret("c2", "k")
		return err
	})
}

func testDocuments(t *testing.T, s store.Store) {
	open := store.Document{Kind: "flavor", ID: "1", Project: "p1", Name: "m2", Body: []byte(`{"a":1}`), CreatedAt: at(1)}
	sealed := store.Document{Kind: "flavor", ID: "0", Project: "p2", Name: "u", Body: []byte("hash"), Secret: true, CreatedAt: at(2)}
	shared := store.Document{Kind: "flavor", ID: "2", Body: []byte("x")}
	alien := store.Document{Kind: "image", ID: "1", Body: []byte("y")}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutDocument(open), tx.PutDocument(sealed), tx.PutDocument(shared), tx.PutDocument(alien))
	})
	open.Name = "m3"
	update(t, s, func(tx store.Tx) error { return tx.PutDocument(open) })
	view(t, s, func(tx store.Tx) error {
		all, err := tx.Documents("flavor", "")
		equal(t, "all of a kind, oldest first", all, []store.Document{open, sealed, shared})
		mine, err2 := tx.Documents("flavor", "p2")
		equal(t, "a project's own", mine, []store.Document{sealed})
		one, err3 := tx.Document("image", "1")
		equal(t, "one", one, alien)
		return errors.Join(err, err2, err3)
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteDocument("flavor", "1") })
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Document("flavor", "1")
		wantKind(t, "deleted document", err, hanok.KindNotFound)
		_, err = tx.Document("image", "1")
		return err
	})
}

func testTokens(t *testing.T, s store.Store) {
	token := func(hash, user string, expires int) store.Token {
		return store.Token{Hash: hash, UserID: user, ProjectID: "p1", Methods: []string{"password", "token"}, CredentialID: "c" + hash, IssuedAt: at(0), ExpiresAt: at(expires)}
	}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutToken(token("h1", "u1", 10)), tx.PutToken(token("h2", "u1", 20)),
			tx.PutToken(token("h3", "u2", 30)), tx.PutToken(token("h4", "u3", 40)), tx.DeleteToken("h4"))
	})
	var expired int
	update(t, s, func(tx store.Tx) (err error) {
		expired, err = tx.DeleteExpiredTokens(at(10))
		return err
	})
	equal(t, "expired tokens", expired, 1)
	view(t, s, func(tx store.Tx) error {
		got, err := tx.Token("h2")
		equal(t, "token", got, token("h2", "u1", 20))
		for _, gone := range []string{"h1", "h4"} {
			_, err := tx.Token(gone)
			wantKind(t, "token "+gone, err, hanok.KindNotFound)
		}
		return err
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteTokensOf("u1") })
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Token("h2")
		wantKind(t, "token of a revoked user", err, hanok.KindNotFound)
		_, err = tx.Token("h3")
		return err
	})
}
