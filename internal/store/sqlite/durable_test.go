package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/hanok/hanok/internal/store"
)

// TestDurability: every connection, not only the first, has the settings that
// the package promises.
func TestDurability(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "a ?#% b.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"}
	for what, p := range map[string]pool{"writer": s.write, "reader": s.read} {
		n := cap(p.free)
		if what == "writer" && n != 1 {
			t.Errorf("%d writers at once, want one", n)
		}
		for range n { // hold each one, so that the next is another
			session, err := p.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer p.give(session)
			err = session.transact(t.Context(), func() error {
				for pragma, value := range want {
					var got string
					if err := session.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
						t.Errorf("%s: %s is %q, %v, want %s", what, pragma, got, err, value)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A session that a transaction failed on is as good as new for the next.
func TestSessionsRecover(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(value string) error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.PutSecret("", "k", []byte(value)) })
	}
	if err := put("first"); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(txn store.Tx) error {
		if err := txn.PutSecret("", "k", []byte("lost")); err != nil {
			return err
		}
		// The transaction is gone under it: nothing of it may be committed.
		return txn.(*tx).session.exec(t.Context(), "ROLLBACK")
	})
	if err == nil {
		t.Error("a transaction that was gone was committed")
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(txn store.Tx) error {
			_ = txn.PutSecret("", "k", []byte("panic"))
			panic("in a transaction")
		})
	}()
	check := func(want string) {
		t.Helper()
		err := s.View(t.Context(), func(tx store.Tx) error {
			got, err := tx.Secret("", "k")
			if string(got) != want {
				t.Errorf("the secret is %q, want %q", got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	check("first")
	if err := put("second"); err != nil {
		t.Fatal(err)
	}
	check("second")
}
