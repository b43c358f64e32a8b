package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mounts lists the mount points at and below dir in this process's
// namespace, in the order in which they were made.
func Mounts(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var points []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		fields := strings.Fields(s.Text())
		if len(fields) < 5 {
			continue
		}
		if point := unescape(fields[4]); point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points, s.Err()
}

// Mounted tells whether dir is a mount point.
func Mounted(dir string) (bool, error) {
	points, err := Mounts(dir)
	return slices.Contains(points, dir), err
}

// Unmount unmounts everything at and below dir, the newest first. What stays
// busy for a second is detached lazily: it is out of sight at once, and
// released when its last user ends. Success when nothing is mounted there.
func Unmount(ctx context.Context, dir string) error {
	dir = filepath.Clean(dir)
	lazy := time.Now().Add(time.Second)
	for {
		points, err := Mounts(dir)
		if err != nil || len(points) == 0 {
			return err
		}
		flags := unix.UMOUNT_NOFOLLOW
		if time.Now().After(lazy) {
			flags |= unix.MNT_DETACH
		}
		busy := false
		for _, p := range slices.Backward(points) {
			switch err := unix.Unmount(p, flags); {
			case err == nil, errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			case errors.Is(err, unix.EBUSY):
				busy = true
			default:
				return fmt.Errorf("unmounting %s: %w", p, err)
			}
		}
		if busy {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s stays busy: %w", dir, ctx.Err())
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}

// unescape undoes the kernel's octal escapes (\040 for a blank) in mount points.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
