package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// pool is a set of sessions. Whoever takes one gives it back.
type pool struct {
	db   *sql.DB
	free chan *session
}

// newPool makes a pool of some sessions whose transactions begin with a
// statement. The sessions connect when they are first used.
func newPool(db *sql.DB, sessions int, begin string) pool {
	p := pool{db, make(chan *session, sessions)}
	for range sessions {
		p.free <- &session{db: db, begin: begin}
	}
	return p
}

// take waits for a session as long as ctx lasts.
func (p pool) take(ctx context.Context) (*session, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case s := <-p.free:
		return s, nil
	}
}

func (p pool) give(s *session) { p.free <- s }

// close waits for the sessions in use, and closes all. Later ones fail.
func (p pool) close() error {
	if p.db == nil {
		return nil
	}
	var errs []error
	var all []*session
	for range cap(p.free) {
		s := <-p.free
		errs = append(errs, s.disconnect())
		all = append(all, s)
	}
	errs = append(errs, p.db.Close())
	for _, s := range all {
		p.give(s)
	}
	return errors.Join(errs...)
}

// session is a connection with the statements that were prepared on it:
// SQLite takes longer to parse most of them than to run them, and
// database/sql's own transactions forget theirs. It belongs to one goroutine.
type session struct {
	db    *sql.DB
	begin string

	conn       *sql.Conn // nil until first used, and after a failure
	statements map[string]*sql.Stmt
}

// statement gives a statement, prepared when it is first asked for. Queries
// are constants, so there are never many.
func (s *session) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.statements[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.statements[query] = st
	return st, nil
}

func (s *session) exec(ctx context.Context, query string) error {
	st, err := s.statement(ctx, query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx)
	return err
}

// transact runs fn between begin and commit. Whatever fails, and also a
// panic, leaves the session without a transaction.
func (s *session) transact(ctx context.Context, fn func() error) error {
	if s.conn == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect to the database: %w", err)
		}
		s.conn, s.statements = conn, map[string]*sql.Stmt{}
	}
	if err := s.exec(ctx, s.begin); err != nil {
		return errors.Join(fmt.Errorf("begin a transaction: %w", err), s.disconnect())
	}
	committed := false
	defer func() {
		if !committed && s.exec(ctx, "ROLLBACK") != nil {
			_ = s.disconnect() // which rolls back; the next user connects anew
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if err := s.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

// drop closes a connection for good. Its own Close would keep it for the
// next, with whatever transaction is open on it.
func drop(c *sql.Conn) error {
	err := c.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// disconnect closes the connection. A transaction on it is rolled back.
func (s *session) disconnect() error {
	if s.conn == nil {
		return nil
	}
	var errs []error
	for _, st := range s.statements {
		errs = append(errs, st.Close())
	}
	errs = append(errs, drop(s.conn))
	s.conn, s.statements = nil, nil
	return errors.Join(errs...)
}
