package network

import (
	"errors"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestInterruptedListsAreAskedForAgain(t *testing.T) {
	t.Parallel()
	other := errors.New("no such device")
	for _, tt := range []struct {
		name    string
		answers []error
		want    error
	}{
		{"at once", []error{nil}, nil},
		{"the third time", []error{netlink.ErrDumpInterrupted, netlink.ErrDumpInterrupted, nil}, nil},
		{"another error", []error{netlink.ErrDumpInterrupted, other, nil}, other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			got, err := whole(func() ([]int, error) {
				asked++
				return []int{asked}, tt.answers[asked-1]
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
			if !slices.Equal(got, []int{asked}) {
				t.Errorf("the list is %v, want that of the last of %d answers", got, asked)
			}
		})
	}
}
