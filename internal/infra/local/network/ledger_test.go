package network

import (
	"errors"
	"os"
	"reflect"
	"testing"
)

func TestLedgerKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := openLedger(dir)
	must(t, err)
	old := l.view()
	_, err = l.update(func(r *records) (bool, error) {
		r.VPCs["v"] = vpcRecord{Index: 3}
		r.Ports["p"] = portRecord{Key: "k", VPC: "v"}
		return true, nil
	})
	must(t, err)
	if len(old.VPCs) != 0 {
		t.Error("a published view was changed")
	}
	want := l.view()
	if _, err := l.update(func(r *records) (bool, error) {
		delete(r.Ports, "p")
		return true, errors.New("no")
	}); err == nil || !reflect.DeepEqual(l.view(), want) {
		t.Errorf("a failed change: %v, %v", err, l.view())
	}
	again, err := openLedger(dir)
	must(t, err)
	if !reflect.DeepEqual(again.view(), want) {
		t.Errorf("read back %+v, want %+v", again.view(), want)
	}
}

func TestLedgerDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := openLedger(dir)
	must(t, err)
	must(t, os.WriteFile(l.path, []byte(`{"vpcs":`), 0o600))
	if _, err := openLedger(dir); err == nil {
		t.Error("a damaged ledger was opened: addresses in use would be given again")
	}
	// A write that a crash cut short lies beside it and does no harm.
	must(t, os.WriteFile(l.path, []byte(`{"vpcs":{"v":{"index":1}}}`), 0o600))
	must(t, os.WriteFile(l.path+".new", []byte(`{"vp`), 0o600))
	l, err = openLedger(dir)
	must(t, err)
	if l.view().VPCs["v"].Index != 1 {
		t.Errorf("read %+v", l.view())
	}
}
