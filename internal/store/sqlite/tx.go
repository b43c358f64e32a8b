package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// tx is one transaction. It belongs to one goroutine.
type tx struct {
	caller   context.Context // its end stops the transaction before the next statement
	ctx      context.Context // of the statements themselves: never ends
	session  *session
	seal     *sealer
	enqueued []int64
}

var _ store.Tx = (*tx)(nil)

// row is what sql.Row and sql.Rows have in common.
type row interface{ Scan(dest ...any) error }

// one reads one record; what names it in errors.
func one[T any](t *tx, scan func(row) (T, error), resource, id, query string, args ...any) (T, error) {
	var zero T
	if err := t.caller.Err(); err != nil {
		return zero, context.Cause(t.caller)
	}
	st, err := t.session.statement(t.ctx, query)
	if err != nil {
		return zero, fmt.Errorf("read %s %s: %w", resource, id, err)
	}
	v, err := scan(st.QueryRowContext(t.ctx, args...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return zero, hanok.NotFound(resource, id)
	case err != nil:
		return zero, fmt.Errorf("read %s %s: %w", resource, id, err)
	}
	return v, nil
}

// many reads a list of records; what names them in errors.
func many[T any](t *tx, scan func(row) (T, error), what, query string, args ...any) ([]T, error) {
	if err := t.caller.Err(); err != nil {
		return nil, context.Cause(t.caller)
	}
	st, err := t.session.statement(t.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	rows, err := st.QueryContext(t.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return out, nil
}

// exec runs a statement and gives the number of rows that it changed.
func (t *tx) exec(what, query string, args ...any) (int64, error) {
	if err := t.caller.Err(); err != nil {
		return 0, context.Cause(t.caller)
	}
	res, err := t.run(query, args...)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", what, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", what, err)
	}
	return n, nil
}

// run runs a statement that gives no rows.
func (t *tx) run(query string, args ...any) (sql.Result, error) {
	st, err := t.session.statement(t.ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(t.ctx, args...)
}

// micros reads and writes a time; 0 is the zero time.
type micros struct{ t *time.Time }

func (m micros) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", v)
	}
	*m.t = time.Time{}
	if n != 0 {
		*m.t = time.UnixMicro(n).UTC()
	}
	return nil
}

func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// jsonText reads a value kept as JSON text.
type jsonText struct{ v any }

func (j jsonText) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("a JSON text is stored as %T", v)
	}
	return json.Unmarshal([]byte(s), j.v)
}

// stringMap reads a map of strings kept as JSON text.
type stringMap struct{ m *map[string]string }

func (s stringMap) Scan(v any) (err error) {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("a JSON text is stored as %T", v)
	}
	*s.m, err = parseStringMap(text)
	return err
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps and slices of strings come here: they always marshal
	}
	return string(b)
}
