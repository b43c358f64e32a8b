package fake

import (
	"fmt"
	"math/rand/v2"
)

// Fault is a way in which a call goes wrong.
type Fault int

// The faults.
const (
	None      Fault = iota
	Fail            // an error, and nothing happened
	LoseReply       // an error, although it happened
)

// faults decides which call goes wrong: scripted ones first, then by chance.
type faults struct {
	scripted           map[string][]Fault
	chance             *rand.Rand
	failRate, loseRate float64
}

func newFaults(o Options) faults {
	return faults{
		scripted: map[string][]Fault{},
		chance:   rand.New(rand.NewPCG(o.Seed, o.Seed^0x9e3779b97f4a7c15)),
		failRate: o.FailRate,
		loseRate: o.LoseRate,
	}
}

func (f *faults) next(op string) Fault {
	if s := f.scripted[op]; len(s) > 0 {
		f.scripted[op] = s[1:]
		return s[0]
	}
	switch x := f.chance.Float64(); {
	case x < f.failRate:
		return Fail
	case x < f.failRate+f.loseRate:
		return LoseReply
	}
	return None
}

func faultError(op string, f Fault) error {
	if f == LoseReply {
		return fmt.Errorf("fake: %s: the reply was lost", op)
	}
	return fmt.Errorf("fake: %s: the call failed before it acted", op)
}

// Inject lets the next calls of a method ("CreateMachine") go wrong in this
// order, before anything is left to chance. None lets a call pass.
func (d *Driver) Inject(method string, next ...Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.scripted[method] = append(d.faults.scripted[method], next...)
}

// SetRates changes the shares of calls that fail and that lose their reply.
func (d *Driver) SetRates(fail, lose float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.failRate, d.faults.loseRate = fail, lose
}
