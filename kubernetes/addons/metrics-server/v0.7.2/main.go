// Command metrics-server is metrics-server, unmodified.
package main

import (
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app"

	"github.com/hanok/hanok/kubernetes/settle"
)

func main() {
	settle.Soon()
	os.Exit(run())
}

func run() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	if app.NewMetricsServerCommand(genericapiserver.SetupSignalHandler()).Execute() != nil {
		return 1 // the command has told the error
	}
	return 0
}
