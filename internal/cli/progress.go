package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/hanok/hanok/internal/client"
)

// progress shows an operation's phases with their time: one live line on a
// terminal, one line per change in a pipe.
type progress struct {
	w     io.Writer
	live  bool
	width int

	mu       sync.Mutex
	start    time.Time
	phase    string // of the operation, "" before the first
	since    time.Time
	contents string
	stop     chan struct{}
	stopped  chan struct{}
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, start: time.Now(), since: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.live = true
		p.width = 80
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			p.width = width
		}
	}
	return p
}

// run shows progress while work runs.
func (p *progress) run(work func(seen func(client.Progress)) error) error {
	if p.live {
		p.stop, p.stopped = make(chan struct{}), make(chan struct{})
		go p.animate()
	}
	err := work(p.seen)
	if p.live {
		close(p.stop)
		<-p.stopped
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.finish(err)
	return err
}

// seen takes a change of the operation.
func (p *progress) seen(c client.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Contents == "" || c.Contents == p.contents {
		return
	}
	p.contents = c.Contents
	phase, _, _ := strings.Cut(c.Contents, ": ")
	if phase != p.phase {
		if p.live {
			fmt.Fprint(p.w, "\r\x1b[K")
			p.finish(nil)
		}
		p.phase, p.since = phase, time.Now()
	}
	if !p.live {
		fmt.Fprintf(p.w, "[%6.1fs] %s\n", time.Since(p.start).Seconds(), c.Contents)
	}
}

// finish prints the phase that has ended.
func (p *progress) finish(err error) {
	if !p.live || p.phase == "" {
		return
	}
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	fmt.Fprintf(p.w, "%s %-40s %6.1fs\n", mark, p.phase, time.Since(p.since).Seconds())
}

// animate redraws the live line until run ends.
func (p *progress) animate() {
	defer close(p.stopped)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	for i := 0; ; i++ {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		text := p.contents
		if text == "" {
			text = "waiting for the first step"
		}
		line := []rune(fmt.Sprintf("%c %s  %.1fs", frames[i%len(frames)], text, time.Since(p.start).Seconds()))
		if len(line) > p.width-1 {
			line = line[:p.width-1]
		}
		fmt.Fprintf(p.w, "\r\x1b[K%s", string(line))
		p.mu.Unlock()
	}
}

// waitCreated follows a create operation.
func waitCreated(ctx context.Context, c *client.Client, p *progress, uuid string) (client.Cluster, error) {
	var cl client.Cluster
	err := p.run(func(seen func(client.Progress)) (err error) {
		cl, err = c.WaitCreated(ctx, uuid, seen)
		return err
	})
	return cl, awaited(err)
}

// waitDeleted follows a delete operation.
func waitDeleted(ctx context.Context, c *client.Client, p *progress, uuid string) error {
	return awaited(p.run(func(seen func(client.Progress)) error { return c.WaitDeleted(ctx, uuid, seen) }))
}

// awaited gives the exit code of a failed operation to a failed operation.
func awaited(err error) error {
	var failed *client.FailedError
	if errors.As(err, &failed) {
		return failedError{msg: err.Error()}
	}
	return err
}
