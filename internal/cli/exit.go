package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hanok/hanok/internal/client"
)

// Exit codes, documented in `hanok --help`.
const (
	exitOK          = 0
	exitError       = 1   // anything not below
	exitUsage       = 2   // wrong flags or arguments
	exitNotFound    = 3   // the named thing does not exist
	exitFailed      = 4   // the operation that --wait followed ended as failed
	exitUnauthorize = 5   // no valid credentials
	exitInterrupted = 130 // by SIGINT
)

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// failedError is an operation that ended as failed.
type failedError struct{ msg string }

func (f failedError) Error() string { return f.msg }

func exitCode(err error) int {
	var usage usageError
	var failed failedError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &failed):
		return exitFailed
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	switch client.StatusOf(err) {
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusUnauthorized:
		return exitUnauthorize
	}
	return exitError
}
