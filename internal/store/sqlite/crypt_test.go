package sqlite

import (
	"bytes"
	"path/filepath"
	"testing"
)

func TestSealBindsToRecord(t *testing.T) {
	t.Parallel()
	s, err := loadKey(filepath.Join(t.TempDir(), "k"), true)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.seal([]byte("value"), "a")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.seal([]byte("value"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(sealed, again) {
		t.Error("the same value is sealed the same way twice: the nonce repeats")
	}
	if got, err := s.open(sealed, "a"); err != nil || string(got) != "value" {
		t.Errorf("open = %q, %v", got, err)
	}
	if _, err := s.open(sealed, "b"); err == nil {
		t.Error("a value opens under another record's name")
	}
	for i := range sealed {
		spoiled := bytes.Clone(sealed)
		spoiled[i] ^= 1
		if _, err := s.open(spoiled, "a"); err == nil {
			t.Errorf("a value with byte %d changed opens", i)
		}
	}
	for _, short := range [][]byte{nil, {}, {1}, sealed[:5]} {
		if _, err := s.open(short, "a"); err == nil {
			t.Errorf("a value of %d bytes opens", len(short))
		}
	}
}
