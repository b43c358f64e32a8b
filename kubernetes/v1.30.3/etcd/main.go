// Command etcd is the datastore of the release, unmodified. It is a program
// of its own because it needs little of what the components initialise when
// they start: 3 MB of memory in place of 23.
package main

import (
	"os"

	"github.com/hanok/hanok/kubernetes/settle"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	settle.Soon()
	etcdmain.Main(os.Args)
}
