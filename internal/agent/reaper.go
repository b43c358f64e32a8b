package agent

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// exit tells how a process ended. Known is false for one that was not our
// child: then only that it ended is known.
type exit struct {
	status syscall.WaitStatus
	known  bool
}

// reaper starts processes and collects their ends. All starts of the agent go
// through it: PID 1 collects orphans too, with a wait for any child, and that
// would take the exit status from whoever else waits.
type reaper struct {
	orphans bool // collect children that nobody here started

	mu      sync.Mutex
	waiting map[int]chan exit

	signals chan os.Signal
	closing sync.Once
	done    chan struct{}
}

// newReaper begins to collect. adopted are children that an earlier program
// of this process started; each must be asked for with adopt.
func newReaper(orphans bool, adopted []int) *reaper {
	r := &reaper{
		orphans: orphans,
		waiting: make(map[int]chan exit),
		signals: make(chan os.Signal, 1),
		done:    make(chan struct{}),
	}
	for _, pid := range adopted {
		r.waiting[pid] = make(chan exit, 1)
	}
	signal.Notify(r.signals, syscall.SIGCHLD)
	go r.run()
	return r
}

// close ends the collecting. Safe to call twice.
func (r *reaper) close() {
	r.closing.Do(func() {
		signal.Stop(r.signals)
		close(r.done)
	})
}

func (r *reaper) run() {
	r.collect() // signals of before we listened
	for {
		select {
		case <-r.signals:
			r.collect()
		case <-r.done:
			return
		}
	}
}

// collect takes every end that is there: signals of several ends may arrive
// as one.
func (r *reaper) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.orphans {
		for pid := range r.waiting {
			r.collectOne(pid)
		}
		return
	}
	for r.collectOne(-1) {
	}
}

func (r *reaper) collectOne(pid int) bool {
	var status syscall.WaitStatus
	ended, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	for err == syscall.EINTR {
		ended, err = syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	}
	if err != nil || ended <= 0 {
		return false
	}
	if ch := r.waiting[ended]; ch != nil {
		ch <- exit{status: status, known: true} // has room for one
		delete(r.waiting, ended)
	}
	return true
}

// start runs a program. The lock is held over the fork so that an early end
// finds its channel.
func (r *reaper) start(path string, argv []string, attr *syscall.ProcAttr) (int, <-chan exit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	ch := make(chan exit, 1)
	r.waiting[pid] = ch
	return pid, ch, nil
}

// adopt gives the end of a process that an earlier agent started. One that is
// not our child (the agent was killed and started anew) is looked at now and
// then.
func (r *reaper) adopt(pid int, startTime uint64) <-chan exit {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := r.waiting[pid]
	if stat, err := readProcStat(pid); ch != nil && (err != nil || stat.parent == os.Getpid()) {
		return ch
	}
	delete(r.waiting, pid)
	ch = make(chan exit, 1)
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			stat, err := readProcStat(pid)
			if err != nil || stat.startTime != startTime {
				ch <- exit{}
				return
			}
			select {
			case <-tick.C:
			case <-r.done:
				return
			}
		}
	}()
	return ch
}
