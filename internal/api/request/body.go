package request

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hanok/hanok"
)

// What is taken in, and for how long, of a body that is too large.
const (
	drainBytes = 32 << 20
	drainTime  = 5 * time.Second
)

// Body reads a request's body of at most limit bytes. A larger one is a
// KindTooLarge error of the field "body", one that breaks off KindInvalid.
func Body(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return nil, &hanok.Error{Kind: hanok.KindInvalid, Field: "body", Detail: "could not be read to its end", Err: err}
	}
	if len(b) > limit {
		drain(w, r)
		return nil, &hanok.Error{Kind: hanok.KindTooLarge, Field: "body", Detail: fmt.Sprintf("is larger than %d bytes", limit)}
	}
	return b, nil
}

// drain takes in the rest of a body. Many clients look for the answer only
// when they have sent everything; closing the connection before that shows
// them a broken connection instead of the reason.
func drain(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	// Not every writer has deadlines; then the size alone bounds it.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
}
