package serve

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStopLetsRequestsFinish stops a service in the middle of a request: no
// new one is taken, and the one under way is answered.
func TestStopLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	c := configure(t, t.TempDir())
	i := start(t, c)
	conn, err := net.Dial("tcp", c.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"name":"Default"},"password":"wrong"}}}}}`
	fmt.Fprintf(conn, "POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", c.Listen, len(body))
	// The service asks for the body, so the request is under way.
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("the service says %q (%v) and does not ask for the body", line, err)
	}
	if _, err := answer.ReadString('\n'); err != nil { // the empty line after it
		t.Fatal(err)
	}

	i.stop()
	waitFor(t, "new connections are refused", func() bool {
		probe, err := net.DialTimeout("tcp", c.Listen, time.Second)
		if err == nil {
			probe.Close()
		}
		return err != nil
	})
	select {
	case err := <-i.done:
		t.Fatalf("the service ended in the middle of a request: %v\n%s", err, i.log)
	default:
	}
	if _, err := conn.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatalf("no answer: %v\n%s", err, i.log)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the answer is %s, want 401", resp.Status)
	}
	i.end(t)
	if strings.Contains(i.log.String(), "cut off") {
		t.Errorf("requests were cut off:\n%s", i.log)
	}
}

// waitFor polls until a condition holds, for 20 seconds at most.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
