package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// query asks the pod's nameserver for the address of a name: one packet from a
// port of its own, and no second one when the answer does not come. A
// resolver would hide what is lost by asking again.
func query(name string) error {
	server, err := nameserver()
	if err != nil {
		return err
	}
	full, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	id := uint16(rand.Uint32())
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: full, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packet, err := question.Pack()
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", net.JoinHostPort(server, "53"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write(packet); err != nil {
		return err
	}
	reply := make([]byte, 4096)
	n, err := conn.Read(reply)
	if err != nil {
		return err
	}
	var answer dnsmessage.Message
	if err := answer.Unpack(reply[:n]); err != nil {
		return err
	}
	if answer.ID != id || answer.RCode != dnsmessage.RCodeSuccess || len(answer.Answers) == 0 {
		return fmt.Errorf("it answers %v with %d addresses", answer.RCode, len(answer.Answers))
	}
	return nil
}

// nameserver gives the first of the pod's nameservers.
func nameserver() (string, error) {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if field := strings.Fields(lines.Text()); len(field) > 1 && field[0] == "nameserver" {
			return field[1], nil
		}
	}
	return "", errors.New("/etc/resolv.conf names no nameserver")
}
