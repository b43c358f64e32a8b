// Command kubectl is the client of the release, unmodified. It is a program
// of its own because its packages would take 6 MB of memory in every process
// of the components' program.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		// The error's kind decides the exit code and the wording.
		util.CheckErr(err)
	}
	os.Exit(0)
}
