// Package hardware writes the files by which a machine that shares the host's
// kernel sees the hardware of its flavor: processors, memory and firmware
// identity. They are to be mounted over the kernel's own.
//
// They tell sizes, not use: free memory, for one, is always all of it. What
// must hold is enforced by control groups.
package hardware

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Shape is the hardware of a machine.
type Shape struct {
	VCPUs    int
	MemoryMB int
	UUID     string
}

// Face is a file or directory that covers one of the kernel's.
type Face struct {
	Source      string // on the host
	Destination string // in the machine
}

// SecondSysfs is where a machine must have a second sysfs mounted: on hosts
// whose firmware has no DMI, entries of /sys/class lead there.
const SecondSysfs = "/run/hanok/sys"

// Write writes the files of a shape into the directory dir, which it makes
// anew, and tells what to mount where. Mount the faces in this order, after
// /proc, /sys and SecondSysfs.
func Write(dir string, s Shape) ([]Face, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	w := &writer{root: dir}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	w.file("proc/cpuinfo", rewriteCPUInfo(string(cpuinfo), s.VCPUs))
	w.file("proc/meminfo", rewriteMemInfo(string(meminfo), s.MemoryMB))
	w.file("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
	w.processors(s.VCPUs)
	w.memoryNode(s)
	faces := []Face{
		{w.path("proc/cpuinfo"), "/proc/cpuinfo"},
		{w.path("proc/meminfo"), "/proc/meminfo"},
		{w.path("proc/swaps"), "/proc/swaps"},
		{w.path("cpu"), "/sys/devices/system/cpu"},
	}
	if exists("/sys/devices/system/node") { // absent from kernels without NUMA
		faces = append(faces, Face{w.path("node"), "/sys/devices/system/node"})
	}
	w.firmware(s.UUID)
	if exists("/sys/class/dmi/id") {
		faces = append(faces, Face{w.path("class/dmi/id"), "/sys/class/dmi/id"})
	} else {
		w.classes()
		faces = append(faces, Face{w.path("class"), "/sys/class"})
	}
	return faces, w.err
}

// processors writes what /sys/devices/system/cpu has of n processors, each a
// core of its own on one socket.
func (w *writer) processors(n int) {
	all := rangeOf(n)
	w.file("cpu/online", all)
	w.file("cpu/possible", all)
	w.file("cpu/present", all)
	w.file("cpu/offline", "\n")
	w.file("cpu/isolated", "\n")
	w.file("cpu/kernel_max", fmt.Sprintln(n-1))
	for i := range n {
		topology := fmt.Sprintf("cpu/cpu%d/topology/", i)
		w.file(topology+"core_id", fmt.Sprintln(i))
		w.file(topology+"physical_package_id", "0\n")
		w.file(topology+"die_id", "0\n")
		w.file(topology+"thread_siblings_list", fmt.Sprintln(i))
		w.file(topology+"core_siblings_list", all)
		w.link(fmt.Sprintf("cpu/cpu%d/node0", i), "../../node/node0")
	}
}

// memoryNode writes the one NUMA node that holds all memory and processors.
func (w *writer) memoryNode(s Shape) {
	for _, name := range []string{"online", "possible", "has_cpu", "has_memory", "has_normal_memory"} {
		w.file("node/"+name, "0\n")
	}
	w.file("node/node0/cpulist", rangeOf(s.VCPUs))
	w.file("node/node0/distance", "10\n")
	kb := s.MemoryMB * 1024
	w.file("node/node0/meminfo", fmt.Sprintf("Node 0 MemTotal: %15d kB\nNode 0 MemFree: %16d kB\nNode 0 MemUsed: %16d kB\n", kb, kb, 0))
	w.directory("node/node0/hugepages")
	for i := range s.VCPUs {
		w.link(fmt.Sprintf("node/node0/cpu%d", i), fmt.Sprintf("../../cpu/cpu%d", i))
	}
}

// firmware writes the machine's identity. Kubelets take their systemUUID from
// it, and look in the vendor's name for clouds that they know.
func (w *writer) firmware(uuid string) {
	w.file("class/dmi/id/product_uuid", uuid+"\n")
	w.file("class/dmi/id/product_serial", uuid+"\n")
	w.file("class/dmi/id/product_name", "hanok machine\n")
	w.file("class/dmi/id/sys_vendor", "hanok\n")
}

// classes writes a /sys/class that has what the host's has, and dmi besides:
// nothing can be added to a sysfs. The entries must come from a sysfs of the
// machine's own, because that shows its network devices alone.
func (w *writer) classes() {
	entries, err := os.ReadDir("/sys/class")
	if err != nil {
		w.fail(err)
		return
	}
	for _, e := range entries {
		w.link("class/"+e.Name(), SecondSysfs+"/class/"+e.Name())
	}
}

// rangeOf gives the kernel's notation of the first n numbers: "0-3", "0".
func rangeOf(n int) string {
	if n == 1 {
		return "0\n"
	}
	return "0-" + strconv.Itoa(n-1) + "\n"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// writer writes files below root and keeps the first error.
type writer struct {
	root string
	err  error
}

func (w *writer) path(name string) string { return filepath.Join(w.root, name) }

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) directory(name string) {
	if err := os.MkdirAll(w.path(name), 0o755); err != nil {
		w.fail(err)
	}
}

func (w *writer) file(name, content string) {
	w.directory(filepath.Dir(name))
	if err := os.WriteFile(w.path(name), []byte(content), 0o444); err != nil {
		w.fail(err)
	}
}

func (w *writer) link(name, target string) {
	w.directory(filepath.Dir(name))
	if err := os.Symlink(target, w.path(name)); err != nil {
		w.fail(err)
	}
}

// column splits a line of /proc/cpuinfo or meminfo at its colon.
func column(line string) (name string, ok bool) {
	name, _, ok = strings.Cut(line, ":")
	return strings.TrimSpace(name), ok
}
