package sqlite

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/hanok/hanok/internal/diskfault"
)

// explain makes of SQLite's complaint about the disk below dir an error that
// says what is wrong there. Other errors come back as they are; one is that
// sessions which may only read were told to write.
func explain(dir string, err error, mayWrite bool) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	var cause unix.Errno
	switch code := e.Code() & 0xff; { // the rest tells where it happened
	case code == codes.SQLITE_FULL:
		cause = unix.ENOSPC
	case code == codes.SQLITE_IOERR:
		cause = unix.EIO
	case code == codes.SQLITE_READONLY && mayWrite:
		cause = unix.EROFS
	default:
		return err
	}
	return diskfault.Explain(dir, fmt.Errorf("%w (%w)", err, cause))
}
