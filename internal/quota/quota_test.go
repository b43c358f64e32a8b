package quota

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

// within runs fn in a transaction of a new store.
func within(t *testing.T, fn func(tx store.Tx) error) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Error(err)
	}
}

func TestQuotaOfAProject(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	within(t, func(tx store.Tx) error {
		q, err := Of(tx, "p", Cluster)
		if err != nil || q.IsSet() || q.HardLimit != 20 || q.ProjectID != "p" {
			t.Errorf("before: %+v, %v", q, err)
		}
		if q, err = Set(tx, "p", Cluster, 2, now); err != nil || q.HardLimit != 2 || !q.CreatedAt.Equal(now) || !q.UpdatedAt.IsZero() {
			t.Errorf("set: %+v, %v", q, err)
		}
		if q, err = Set(tx, "p", Cluster, 3, now.Add(time.Hour)); err != nil || q.HardLimit != 3 || !q.CreatedAt.Equal(now) || !q.UpdatedAt.Equal(now.Add(time.Hour)) {
			t.Errorf("set again: %+v, %v", q, err)
		}
		if _, err := Set(tx, "other", Node, 7, now); err != nil {
			return err
		}
		got, err := Of(tx, "p", Cluster)
		if err != nil || got != q {
			t.Errorf("read back: %+v, %v", got, err)
		}
		if all, err := List(tx, ""); err != nil || len(all) != 2 || all[0].ProjectID != "other" || all[1] != q {
			t.Errorf("all: %+v, %v", all, err)
		}
		if own, err := List(tx, "p"); err != nil || len(own) != 1 {
			t.Errorf("own: %+v, %v", own, err)
		}
		if err := Delete(tx, "p", Cluster); err != nil {
			return err
		}
		if err := Delete(tx, "p", Cluster); hanok.KindOf(err) != hanok.KindNotFound {
			t.Errorf("deleted twice: %v", err)
		}
		if err := Forget(tx, "other"); err != nil {
			return err
		}
		if all, err := List(tx, ""); err != nil || len(all) != 0 {
			t.Errorf("after: %+v, %v", all, err)
		}
		for _, limit := range []int{-1, MaxLimit + 1} {
			if _, err := Set(tx, "p", Cluster, limit, now); hanok.KindOf(err) != hanok.KindInvalid {
				t.Errorf("a limit of %d: %v", limit, err)
			}
		}
		if _, err := Set(tx, "p", Node, 0, now); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("groups without nodes: %v", err)
		}
		return nil
	})
}

func TestReadResource(t *testing.T) {
	t.Parallel()
	for _, r := range Resources() {
		if got, err := ReadResource(string(r)); err != nil || got != r || defaults[r] == 0 {
			t.Errorf("%s: %s, %v, default %d", r, got, err, defaults[r])
		}
	}
	if _, err := ReadResource("Bay"); hanok.KindOf(err) != hanok.KindInvalid {
		t.Errorf("Bay: %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	now := time.Now()
	within(t, func(tx store.Tx) error {
		c := hanok.Cluster{UUID: uuid.NewString(), Name: "a", ProjectID: "p", CreatedAt: now}
		if err := tx.PutCluster(c); err != nil {
			return err
		}
		if _, err := tx.PutNodeGroup(hanok.NodeGroup{UUID: uuid.NewString(), ClusterUUID: c.UUID, ProjectID: "p", Name: "g", CreatedAt: now}); err != nil {
			return err
		}
		if err := CheckCluster(tx, "p"); err != nil {
			t.Errorf("one of 20: %v", err)
		}
		if err := CheckNodeGroup(tx, c); err != nil {
			t.Errorf("one of 10: %v", err)
		}
		for _, r := range Resources() {
			if _, err := Set(tx, "p", r, 1, now); err != nil {
				return err
			}
		}
		if err := CheckCluster(tx, "p"); hanok.KindOf(err) != hanok.KindForbidden || !strings.Contains(err.Error(), "quota is 1") {
			t.Errorf("one of one: %v", err)
		}
		if err := CheckNodeGroup(tx, c); hanok.KindOf(err) != hanok.KindForbidden || !strings.Contains(err.Error(), "quota is 1") {
			t.Errorf("one group of one: %v", err)
		}
		if err := CheckNodes(tx, "p", "node_count", 2); hanok.KindOf(err) != hanok.KindForbidden || !strings.HasPrefix(err.Error(), "node_count: 2 nodes") {
			t.Errorf("two nodes of one: %v", err)
		}
		if err := CheckNodes(tx, "p", "node_count", 1); err != nil {
			t.Errorf("one node of one: %v", err)
		}
		if err := CheckNodes(tx, "other", "node_count", 11); hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "1 to 10") {
			t.Errorf("beyond the guide's bound: %v", err)
		}
		if err := CheckCluster(tx, "other"); err != nil {
			t.Errorf("another project's clusters count: %v", err)
		}
		return nil
	})
}
