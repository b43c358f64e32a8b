package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"
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
	for what, db := range map[string]*sql.DB{"writer": s.write.db, "reader": s.read.db} {
		n := db.Stats().MaxOpenConnections
		if what == "writer" && n != 1 {
			t.Errorf("%d writers at once, want one", n)
		}
		for range n { // hold each one, so that the next is another
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for pragma, value := range want {
				var got string
				if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
					t.Errorf("%s: %s is %q, %v, want %s", what, pragma, got, err, value)
				}
			}
		}
	}
}
