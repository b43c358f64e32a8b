package disk

import (
	"slices"
	"strings"
	"testing"
)

func TestTurnedReadOnly(t *testing.T) {
	t.Parallel()
	const mounts = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 ro
344 27 7:7 / /run/x/machines/a/volume rw,noatime - ext4 /dev/loop7 rw,emergency_ro
345 27 7:8 / /run/x/machines/b/volume rw,noatime shared:5 - ext4 /dev/loop8 ro
346 27 7:9 / /run/x/machines/c/volume ro,noatime - ext4 /dev/loop9 rw
347 27 0:9 / /run/x/machines/d/root rw - overlay overlay ro,lowerdir=/x
348 27 7:10 / /run/x/machines/e/with\040blank rw - ext4 /dev/loop10 rw,errors=remount-ro,emergency_ro
349 27 7:11 / /run/xy/machines/f/volume rw - ext4 /dev/loop11 ro
`
	got, err := turnedReadOnly(strings.NewReader(mounts), "/run/x")
	want := []string{"/run/x/machines/a/volume", "/run/x/machines/b/volume", "/run/x/machines/e/with blank"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
