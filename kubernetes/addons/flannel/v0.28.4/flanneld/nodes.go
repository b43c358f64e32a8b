package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	log "k8s.io/klog/v2"
)

// apiClient speaks to the Kubernetes API. It knows nodes and nothing else: a
// general client would more than double this daemon's memory on every node.
type apiClient struct {
	server string
	http   *http.Client
	token  func() (string, error)
}

// node holds what flannel reads of a Node.
type node struct {
	Metadata struct {
		Name            string            `json:"name"`
		ResourceVersion string            `json:"resourceVersion"`
		Annotations     map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR string `json:"podCIDR"`
	} `json:"spec"`
}

// statusError is an answer of the API other than success.
type statusError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the Kubernetes API answered %d: %s", e.Code, e.Message)
}

// errExpired says that a watch cannot go on from where it was.
var errExpired = errors.New("the watch is too old")

func (c *apiClient) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "flanneld")
	if body != nil {
		req.Header.Set("Content-Type", "application/strategic-merge-patch+json")
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		status := &statusError{}
		if json.Unmarshal(text, status) != nil || status.Message == "" {
			status.Message = string(text)
		}
		status.Code = resp.StatusCode
		return nil, status
	}
	return resp, nil
}

// patch merges a patch into the object at path.
func (c *apiClient) patch(ctx context.Context, path string, patch any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	resp, err := c.do(ctx, http.MethodPatch, path, body)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Body.Close()
}

func (c *apiClient) list(ctx context.Context) (nodes []node, version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/nodes?resourceVersion=0", nil)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	var l struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []node `json:"items"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&l); err != nil {
		return nil, "", fmt.Errorf("reading the list of nodes: %w", err)
	}
	return l.Items, l.Metadata.ResourceVersion, nil
}

// watch calls changed for every change after version until the server ends the
// watch or ctx is done, and returns the version reached.
func (c *apiClient) watch(ctx context.Context, version string, changed func(n node, deleted bool)) (string, error) {
	resp, err := c.do(ctx, http.MethodGet,
		"/api/v1/nodes?watch=1&allowWatchBookmarks=true&resourceVersion="+url.QueryEscape(version), nil)
	var status *statusError
	if errors.As(err, &status) && status.Code == http.StatusGone {
		return version, errExpired
	}
	if err != nil {
		return version, err
	}
	defer resp.Body.Close()
	in := json.NewDecoder(bufio.NewReader(resp.Body))
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := in.Decode(&event); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return version, err
		}
		if event.Type == "ERROR" {
			status := &statusError{}
			_ = json.Unmarshal(event.Object, status)
			if status.Code == http.StatusGone {
				return version, errExpired
			}
			return version, status
		}
		var n node
		if err := json.Unmarshal(event.Object, &n); err != nil {
			return version, fmt.Errorf("reading a watch event: %w", err)
		}
		version = n.Metadata.ResourceVersion
		if event.Type != "BOOKMARK" {
			changed(n, event.Type == "DELETED")
		}
	}
}

// follow lists and watches nodes until ctx is done. It calls replaced with
// every complete list and changed with every change after it, and rides out an
// API server that is away.
func (c *apiClient) follow(ctx context.Context, replaced func([]node), changed func(n node, deleted bool)) {
	trouble := newTrouble()
	for ctx.Err() == nil {
		nodes, version, err := c.list(ctx)
		if err == nil {
			trouble = newTrouble()
			replaced(nodes)
		}
		for err == nil && ctx.Err() == nil {
			started := time.Now()
			if version, err = c.watch(ctx, version, changed); err == nil && time.Since(started) < time.Second {
				wait(ctx, trouble.pause()) // the server ends watches at once: go easy on it
			}
		}
		if ctx.Err() != nil || errors.Is(err, errExpired) {
			continue
		}
		log.Warningf("Following the nodes: %v; trying again", err)
		wait(ctx, trouble.pause())
	}
}

// trouble paces attempts. A node that starts has its API server within
// seconds and should not sleep past that moment; one that stays away for long
// is asked rarely.
type trouble struct{ began time.Time }

func newTrouble() trouble { return trouble{time.Now()} }

func (t trouble) pause() time.Duration {
	if time.Since(t.began) < 30*time.Second {
		return 200 * time.Millisecond
	}
	return 5 * time.Second
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
