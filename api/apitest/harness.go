package apitest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Handler checks every answer of a handler; what differs from the document
// fails the test.
func Handler(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchange{Method: r.Method, Path: r.URL.Path}
		var sent bytes.Buffer
		if r.Body != nil {
			r.Body = &tee{r.Body, &sent}
		}
		// The handler may change its request.
		answer := &recorder{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status == 0 {
			answer.status = http.StatusOK
		}
		x.RequestBody, x.Status, x.Header, x.Body = sent.Bytes(), answer.status, w.Header().Clone(), answer.body.Bytes()
		if err := check(x); err != nil {
			t.Error(err)
		}
	})
}

// Transport checks every answer that comes through next.
func Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		x := exchange{Method: r.Method, Path: r.URL.Path}
		var sent bytes.Buffer
		if r.Body != nil {
			r = r.Clone(r.Context())
			r.Body = &tee{r.Body, &sent}
		}
		res, err := next.RoundTrip(r)
		if err != nil {
			return res, err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return nil, err
		}
		res.Body = io.NopCloser(bytes.NewReader(body))
		x.RequestBody, x.Status, x.Header, x.Body = sent.Bytes(), res.StatusCode, res.Header, body
		if err := check(x); err != nil {
			t.Error(err)
		}
		return res, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// mostKept bounds what is kept of a request's body: uploads are large.
const mostKept = 4 << 20

// tee keeps what is read of a body.
type tee struct {
	io.ReadCloser
	kept *bytes.Buffer
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if t.kept.Len()+n <= mostKept {
		t.kept.Write(p[:n])
	}
	return n, err
}

// recorder keeps an answer that passes through it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
