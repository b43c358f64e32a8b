package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local"
)

// footprint is the memory of an installation, in bytes.
type footprint struct {
	Clusters  int               `json:"clusters"`
	Machines  memory            `json:"machines"` // all processes of all machines
	Service   memory            `json:"service"`
	ByProcess map[string]memory `json:"by_process"` // sums over all of a name
	Available int64             `json:"available"`  // of the host, as the kernel estimates
}

// memoryResult is what clusters that idle take.
type memoryResult struct {
	Idle     time.Duration `json:"idle"`
	Alone    footprint     `json:"one_cluster"`
	Together footprint     `json:"many_clusters"`
	Created  []float64     `json:"created"` // seconds of each create, the host filling up
	// Stopped tells why there are fewer clusters than were asked for.
	Stopped string `json:"stopped,omitempty"`
	// What the next cluster would do, and how many fit in all.
	PromisedMB     int64 `json:"promised_mb_per_cluster"`
	FitByAdmission int   `json:"fit_by_admission"`
	FitByMemory    int   `json:"fit_by_memory"`
}

// measureMemory makes clusters, lets them idle, and measures: first one alone,
// then all. It deletes them.
func (s *service) measureMemory(ctx context.Context, clusters int, idle time.Duration) (*memoryResult, error) {
	r := &memoryResult{Idle: idle}
	var uuids []string
	grow := func(to int) (footprint, error) {
		for len(uuids) < to {
			begun := time.Now()
			uuid, err := s.create(ctx)
			if uuid != "" {
				uuids = append(uuids, uuid)
			}
			if err != nil && len(uuids) > 1 && ctx.Err() == nil {
				// The host is full, perhaps of others': those that are there count.
				say("no more clusters: %v", err)
				r.Stopped, clusters = err.Error(), len(uuids)-1
				if err := s.delete(ctx, uuid); err != nil {
					return footprint{}, err
				}
				uuids = uuids[:clusters]
				break
			}
			if err != nil {
				return footprint{}, err
			}
			r.Created = append(r.Created, time.Since(begun).Seconds())
			say("cluster %d of %d: created in %.2f s", len(uuids), clusters, time.Since(begun).Seconds())
		}
		say("%d clusters idle for %v", len(uuids), idle)
		select {
		case <-ctx.Done():
			return footprint{}, ctx.Err()
		case <-time.After(idle):
		}
		return s.footprint(len(uuids))
	}
	var err error
	if r.Alone, err = grow(1); err != nil {
		return nil, err
	}
	if r.Together = r.Alone; clusters > 1 {
		if r.Together, err = grow(clusters); err != nil {
			return nil, err
		}
	}
	if err := s.fit(ctx, r); err != nil {
		return nil, err
	}
	for _, uuid := range uuids {
		if err := s.delete(ctx, uuid); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fit reckons how many such clusters the host holds.
func (s *service) fit(ctx context.Context, r *memoryResult) error {
	total, used, err := s.capacity(ctx)
	if err != nil {
		return err
	}
	r.PromisedMB = used / int64(r.Together.Clusters)
	r.FitByAdmission = int(total / r.PromisedMB)
	each := r.Together.Machines.PSS / int64(r.Together.Clusters)
	r.FitByMemory = r.Together.Clusters + int(r.Together.Available/each)
	return nil
}

func (s *service) footprint(clusters int) (footprint, error) {
	f := footprint{Clusters: clusters, ByProcess: map[string]memory{}}
	processes, err := processesOf(s.id)
	if err != nil {
		return f, err
	}
	for _, p := range processes {
		sum := f.ByProcess[p.Name]
		sum.add(p.memory)
		f.ByProcess[p.Name] = sum
		f.Machines.add(p.memory)
	}
	if f.Service, err = memoryOf(s.cmd.Process.Pid); err != nil {
		return f, err
	}
	f.Available, err = available()
	return f, err
}

// available is the memory that could be given to programs.
func available() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	var kib int64
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	if _, err := fmt.Sscanf(rest, "%d", &kib); err != nil {
		return 0, fmt.Errorf("/proc/meminfo: MemAvailable: %w", err)
	}
	return kib << 10, nil
}

// host is where it was measured.
type host struct {
	Processors int    `json:"processors"`
	MemoryMB   int    `json:"memory_mb"`
	Kernel     string `json:"kernel"`
}

func thisHost() host {
	var info unix.Sysinfo_t
	_ = unix.Sysinfo(&info)
	var name unix.Utsname
	_ = unix.Uname(&name)
	return host{runtime.NumCPU(), int(info.Totalram * uint64(info.Unit) >> 20), unix.ByteSliceToString(name.Release[:])}
}

// otherInstallations lists those that have something running on this host.
func otherInstallations() []string {
	found, err := local.Found("")
	if err != nil {
		return nil
	}
	var ids []string
	for _, l := range found {
		if l.Kind == "process" && !slices.Contains(ids, l.Installation) {
			ids = append(ids, l.Installation)
		}
	}
	return ids
}
