package serve

import (
	"fmt"
	"net"
)

// notifyReady tells a service manager that the service is ready, by the
// socket that NOTIFY_SOCKET names (systemd's protocol); "" is no manager.
func notifyReady(socket string) error {
	if socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager (NOTIFY_SOCKET): %w", err)
	}
	defer c.Close()
	_, err = c.Write([]byte("READY=1"))
	return err
}
