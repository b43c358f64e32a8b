package network

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// settle makes the kernel act on interfaces' new carriers now. It does so by
// itself only later, up to a second later when it is busy, and until then a
// veth drops what is sent and a bridge does not use its port: the machine's
// first packet would be lost. Asking for the link state (ETHTOOL_GLINK) is
// what makes it act; order matters, as a bridge's state follows its ports'.
func settle(h *handle, interfaces ...string) error {
	return h.within(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open a socket to ask for link states: %w", err)
		}
		defer unix.Close(fd)
		for _, name := range interfaces {
			if err := askLink(fd, name); err != nil {
				return fmt.Errorf("ask for the link state of %s: %w", name, err)
			}
		}
		return nil
	})
}

func askLink(fd int, name string) error {
	value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_GLINK}
	var request struct { // struct ifreq with ifr_data
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [unix.SizeofSockaddrInet4 - unsafe.Sizeof(uintptr(0))]byte
		_    [8]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	request.data = unsafe.Pointer(&value)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
