package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// phases shows the work of this process, phase by phase with its time: on a
// terminal a line that ticks, in a pipe one line when a phase begins and one
// when it ends.
type phases struct {
	w    io.Writer
	live bool
}

func newPhases(w io.Writer) *phases {
	p := &phases{w: w}
	if f, ok := w.(*os.File); ok {
		p.live = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// begin shows a phase until done is called with its outcome. One phase runs at
// a time.
func (p *phases) begin(phase string) (done func(error)) {
	began := time.Now()
	stop, stopped := make(chan struct{}), make(chan struct{})
	if p.live {
		go p.tick(phase, began, stop, stopped)
	} else {
		fmt.Fprintf(p.w, "%s ...\n", phase)
		close(stopped)
	}
	var once sync.Once
	return func(err error) {
		once.Do(func() {
			close(stop)
			<-stopped
			took := elapsed(time.Since(began))
			switch {
			case err != nil && p.live:
				fmt.Fprintf(p.w, "\r\x1b[K✗ %s  %s\n", phase, took)
			case err != nil:
				fmt.Fprintf(p.w, "%s: failed after %s\n", phase, took)
			case p.live:
				fmt.Fprintf(p.w, "\r\x1b[K✓ %s  %s\n", phase, took)
			default:
				fmt.Fprintf(p.w, "%s: done in %s\n", phase, took)
			}
		})
	}
}

func (p *phases) tick(phase string, began time.Time, stop, stopped chan struct{}) {
	defer close(stopped)
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		fmt.Fprintf(p.w, "\r\x1b[K  %s  %s", phase, elapsed(time.Since(began)))
		select {
		case <-stop:
			return
		case <-t.C:
		}
	}
}

// elapsed is a duration as people read it: 4.2s, 3m07s.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
