package request

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
)

func TestBody(t *testing.T) {
	t.Parallel()
	for size, kind := range map[int]hanok.Kind{0: hanok.KindInternal, 10: hanok.KindInternal, 11: hanok.KindTooLarge, 1000: hanok.KindTooLarge} {
		b, err := Body(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", size))), 10)
		if hanok.KindOf(err) != kind || (err == nil) != (kind == hanok.KindInternal) || err == nil && len(b) != size {
			t.Errorf("%d bytes: %d read, %v", size, len(b), err)
		}
	}
}

// A client that sends its whole body before it reads gets the answer.
func TestLargeBodyIsAnswered(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := Body(w, r, 10); hanok.KindOf(err) == hanok.KindTooLarge {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	const size = 20 << 20 // more than the sockets' buffers hold
	head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n"
	if _, err := io.WriteString(conn, head+strings.Repeat("x", size)); err != nil {
		t.Fatalf("the connection was closed while the body was on its way: %v", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %s", res.Status)
	}
}
