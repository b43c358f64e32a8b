// Package sqlite keeps hanok's store in one SQLite file.
//
// Writers take turns on one connection, readers have snapshots of their own,
// and a commit has reached the disk when Update returns. One process works
// on a file at a time; the service sees to that with a lock on its state
// directory.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many snapshots may be read at once.
const readers = 4

// Options tell where the store lies.
type Options struct {
	// Path is the database file; its directory must exist.
	Path string
	// KeyFile seals secrets. It is made, readable by its owner alone, when
	// neither it nor the database is there yet. Default: "store.key" beside
	// Path. Whoever loses it loses every cluster's keys.
	KeyFile string
	Log     *slog.Logger
}

// Store is an open database. All methods may be called at once.
type Store struct {
	write pool
	read  pool
	seal  *sealer
	wakes *wakes
	dir   string // of the file

	closing sync.Once
	closed  error
}

var _ store.Store = (*Store)(nil)

// Open opens the database, making or migrating it where needed. A key file
// that is not the database's own is an error.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if opts.KeyFile == "" {
		opts.KeyFile = filepath.Join(filepath.Dir(opts.Path), "store.key")
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	fresh, err := isFresh(opts.Path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if fresh {
		// The file is made here so that it is never open to others, not even
		// for a moment; SQLite gives its companions the same mode. One that
		// exists must not be opened here: closing it would drop the locks
		// that this process may hold on it already.
		f, err := os.OpenFile(opts.Path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		f.Close()
	}
	s := &Store{wakes: newWakes(), dir: filepath.Dir(opts.Path)}
	if s.write, err = connect(opts.Path, 1, "BEGIN IMMEDIATE", false); err != nil {
		return nil, err
	}
	if s.read, err = connect(opts.Path, readers, "BEGIN", true); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.prepare(ctx, opts, fresh); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// isFresh tells whether there is no database yet.
func isFresh(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return info.Size() == 0, nil
}

func connect(path string, sessions int, begin string, readOnly bool) (pool, error) {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(10000)")
	q.Add("_pragma", "journal_mode(WAL)")
	q.Add("_pragma", "synchronous(FULL)")
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "cache_size(-1024)")
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return pool{}, fmt.Errorf("open the database %s: %w", path, err)
	}
	db.SetMaxOpenConns(sessions + 1) // migrations have one of their own
	db.SetMaxIdleConns(sessions)
	return newPool(db, sessions, begin), nil
}

// prepare brings the schema up to date and takes up the key.
func (s *Store) prepare(ctx context.Context, opts Options, fresh bool) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.write.db, files, goose.WithSlog(opts.Log))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the database %s up to date: %w", opts.Path, err)
	}
	has, err := s.hasKeyID(ctx)
	if err != nil {
		return err
	}
	if s.seal, err = loadKey(opts.KeyFile, fresh || !has); err != nil {
		return err
	}
	return s.checkKey(ctx, opts)
}

// keyIDName is the record that tells which key sealed the database's secrets.
const keyIDName = "store key check"

func (s *Store) hasKeyID(ctx context.Context) (bool, error) {
	var n int
	err := s.write.db.QueryRowContext(ctx, `SELECT count(*) FROM secrets WHERE cluster_uuid = '' AND name = ?`, keyIDName).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read the database: %w", err)
	}
	return n > 0, nil
}

// checkKey refuses a key that is not the one that the database was made with.
func (s *Store) checkKey(ctx context.Context, opts Options) error {
	err := s.Update(ctx, func(t store.Tx) error {
		id, err := t.Secret("", keyIDName)
		if hanok.KindOf(err) == hanok.KindNotFound {
			return t.PutSecret("", keyIDName, []byte(s.seal.id))
		}
		if err == nil && string(id) != s.seal.id {
			err = errors.New("another key's id")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the key file %s does not belong to the database %s: put the right key file back (%w)", opts.KeyFile, opts.Path, err)
	}
	return nil
}

// Update runs fn in a write transaction.
func (s *Store) Update(ctx context.Context, fn func(tx store.Tx) error) error {
	return s.transact(ctx, s.write, fn)
}

// View runs fn over a snapshot.
func (s *Store) View(ctx context.Context, fn func(tx store.Tx) error) error {
	return s.transact(ctx, s.read, fn)
}

// transact waits for a turn as long as ctx lasts. What runs then is not
// interrupted in the midst of a statement: it takes milliseconds, and an
// interrupted statement can leave the connection with its lock held and
// nobody to release it (modernc.org/sqlite v1.38.2 drops the rows of a query
// whose context ends as it returns). Between statements an ended ctx counts.
func (s *Store) transact(ctx context.Context, p pool, fn func(tx store.Tx) error) error {
	session, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.give(session)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	whole := context.WithoutCancel(ctx)
	t := &tx{caller: ctx, ctx: whole, session: session, seal: s.seal}
	err = session.transact(whole, func() error {
		if err := fn(t); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	})
	if err != nil {
		return explain(s.dir, err, p == s.write)
	}
	s.wakes.wake(t.enqueued...)
	return nil
}

// Close closes the database. It waits for transactions under way.
func (s *Store) Close() error {
	s.closing.Do(func() {
		for _, p := range []pool{s.read, s.write} {
			s.closed = errors.Join(s.closed, p.close())
		}
	})
	return s.closed
}
