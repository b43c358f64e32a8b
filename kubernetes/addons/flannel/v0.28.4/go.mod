// flannel's VXLAN backend as a node daemon, and the CNI plugin that joins pods to it.
module github.com/hanok/hanok/kubernetes/addons/flannel/v0.28.4

go 1.26

require (
	github.com/containernetworking/cni v1.3.0
	github.com/flannel-io/flannel v0.28.4
)
