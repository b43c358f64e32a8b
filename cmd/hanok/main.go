// Command hanok is the whole service in one program: the API server, the
// client commands, the bundle builder and the agent inside machines.
package main

import (
	"os"

	"github.com/hanok/hanok/internal/cli"
)

func main() { os.Exit(cli.Main()) }
