package disk

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"
)

// TurnedReadOnly lists the mount points below dir of volumes' file systems
// that the kernel made read-only because it could not write to them, which
// only mounting them anew undoes.
func TurnedReadOnly(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return turnedReadOnly(f, dir)
}

func turnedReadOnly(mountinfo io.Reader, dir string) ([]string, error) {
	var points []string
	s := bufio.NewScanner(mountinfo)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		mount, fs, ok := strings.Cut(s.Text(), " - ")
		fields, fsFields := strings.Fields(mount), strings.Fields(fs)
		if !ok || len(fields) < 5 || len(fsFields) < 3 || fsFields[0] != "ext4" {
			continue
		}
		point := unescape(fields[4])
		if !strings.HasPrefix(point, dir+"/") {
			continue
		}
		// The file system's own options, not the mount's. Kernels before 6.15
		// say "ro", as of one that was remounted.
		options := strings.Split(fsFields[2], ",")
		if slices.Contains(options, "emergency_ro") || slices.Contains(options, "ro") {
			points = append(points, point)
		}
	}
	return points, s.Err()
}
