package engine

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/hanok/hanok"
)

// maxNodeName is the longest name of a host.
const maxNodeName = 63

// masterName names the n-th control-plane member: "prod-master-0".
func masterName(c hanok.Cluster, n int) string {
	return nodeName(c.Name, fmt.Sprintf("-master-%d", n))
}

// workerName names the n-th worker of a group, as the guides show it:
// "prod-default-w-ohw5ab5wpzug-node-0". The twelve letters are the group's own.
func workerName(c hanok.Cluster, g hanok.NodeGroup, n int) string {
	group := strings.TrimRight(g.Name[:min(9, len(g.Name))], "-")
	return nodeName(c.Name, fmt.Sprintf("-%s-%s-node-%d", group, groupLetters(g.UUID), n))
}

// nodeName shortens the cluster's part where the whole would be too long.
func nodeName(cluster, rest string) string {
	cluster = strings.TrimRight(cluster[:min(len(cluster), maxNodeName-len(rest))], "-.")
	return cluster + rest
}

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func groupLetters(groupUUID string) string {
	sum := sha256.Sum256([]byte(groupUUID))
	return letters.EncodeToString(sum[:])[:12]
}
