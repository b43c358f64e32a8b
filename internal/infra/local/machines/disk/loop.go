package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Attach puts the file at path on a free loop device that stays until Detach;
// success when it is on one already. label (at most 63 bytes) is what the
// kernel shows for it.
func Attach(ctx context.Context, path, label string) error {
	loops, err := Loops(func(backing string) bool { return backing == path })
	if err != nil || len(loops) > 0 {
		return err
	}
	device, err := attach(ctx, path, label, 0)
	if err != nil {
		return err
	}
	return device.Close()
}

// attach puts the file at path on a free loop device, with the kernel's flags
// for it. label (at most 63 bytes) is what the kernel shows for it.
func attach(ctx context.Context, path, label string, flags uint32) (*os.File, error) {
	backing, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a volume: %w", err)
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("volumes need loop devices (module loop): %w", err)
	}
	defer control.Close()
	config := unix.LoopConfig{Fd: uint32(backing.Fd())}
	config.Info.Flags = flags
	copy(config.Info.File_name[:len(config.Info.File_name)-1], label)
	for {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("asking for a free loop device: %w", err)
		}
		device, err := openLoop(number)
		if err != nil {
			return nil, err
		}
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config)
		if err == nil {
			return device, nil
		}
		device.Close()
		if !errors.Is(err, unix.EBUSY) { // EBUSY: somebody was faster
			return nil, fmt.Errorf("attaching %s to %s: %w", path, device.Name(), err)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("no loop device could be had: %w", ctx.Err())
		}
	}
}

// openLoop opens a loop device and makes its node where no devtmpfs does.
func openLoop(number int) (*os.File, error) {
	name := fmt.Sprintf("/dev/loop%d", number)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		const loopMajor = 7
		if err := unix.Mknod(name, unix.S_IFBLK|0o660, int(unix.Mkdev(loopMajor, uint32(number)))); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("making %s: %w", name, err)
		}
		f, err = os.OpenFile(name, os.O_RDWR, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a loop device: %w", err)
	}
	return f, nil
}

// Loop is a loop device in use.
type Loop struct {
	Device  string // "/dev/loop3"
	Backing string // the file below it, without the kernel's "(deleted)"
}

// Loops lists the loop devices whose backing file match accepts.
func Loops(match func(backing string) bool) ([]Loop, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var found []Loop
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // detached meanwhile
		}
		backing := strings.TrimSuffix(strings.TrimSpace(string(raw)), " (deleted)")
		if match(backing) {
			found = append(found, Loop{Device: "/dev/" + strings.Split(file, "/")[3], Backing: backing})
		}
	}
	return found, nil
}

// Detach waits until no loop device holds the file at path any more, and asks
// for it: a device whose last user has gone detaches by itself, but only then.
func Detach(ctx context.Context, path string) error {
	for {
		loops, err := Loops(func(backing string) bool { return backing == path })
		if err != nil || len(loops) == 0 {
			return err
		}
		for _, l := range loops {
			if f, err := os.OpenFile(l.Device, os.O_RDWR, 0); err == nil {
				_, _ = unix.IoctlRetInt(int(f.Fd()), unix.LOOP_CLR_FD)
				f.Close()
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is still held by %v: %w", path, loops, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}
