package agent

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Processes write straight to their log files: a pipe would tie them to the
// agent. So the agent keeps the files small from outside.
const (
	logDir      = "/var/log/hanok"
	maxLogSize  = 8 << 20 // bytes; as much again is kept in the file before it
	rotateEvery = 30 * time.Second
)

func logPath(dir, name string) string { return filepath.Join(dir, name+".log") }

// openLog opens a log for appending: writers of one file do not overwrite
// each other, and go on at the end when it is shortened.
func openLog(dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(logPath(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// rotateLogs keeps every log of the machine's processes below its size.
func (a *agent) rotateLogs(ctx context.Context) {
	dir := a.path(logDir)
	for sleep(ctx, rotateEvery) {
		logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, path := range logs {
			if err := rotate(path, maxLogSize); err != nil {
				a.log.Warn("a log could not be rotated", "path", path, "err", err)
			}
		}
	}
}

// rotate moves the content of an overlong log into <path>.1 and leaves the
// file in place, since a process writes to it. Where the file system can cut
// away the beginning of a file (ext4, xfs), no line is lost; elsewhere lines
// of the moment between copying and cutting are.
func rotate(path string, limit int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() <= limit {
		return err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return err
	}
	whole := info.Size() - info.Size()%int64(fs.Bsize) // only whole blocks can be cut away
	old, err := os.CreateTemp(filepath.Dir(path), ".rotate-*")
	if err != nil {
		return err
	}
	defer os.Remove(old.Name())
	defer old.Close()
	if _, err := io.CopyN(old, f, whole); err != nil {
		return err
	}
	if unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, whole) != nil {
		if _, err := io.Copy(old, f); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	return os.Rename(old.Name(), path+".1")
}

// lastLine gives the end of a log, for a report: its last line that is not
// empty, shortened.
func lastLine(path string) string {
	const tail = 4 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	b := make([]byte, min(info.Size(), tail))
	if _, err := f.ReadAt(b, info.Size()-int64(len(b))); err != nil && err != io.EOF {
		return ""
	}
	b = bytes.TrimSpace(b)
	line := b[bytes.LastIndexByte(b, '\n')+1:]
	return clip(strings.ToValidUTF8(string(line), ""), 300)
}
