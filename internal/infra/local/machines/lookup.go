package machines

import (
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Machine gives the machine with an id.
func (m *Manager) Machine(id string) (infra.Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.entry(id)
	if err != nil {
		return infra.Machine{}, err
	}
	return e.record.view(), nil
}

// entry finds a machine; the caller holds mu.
func (m *Manager) entry(id string) (*entry, error) {
	if e := m.entries[id]; e != nil {
		return e, nil
	}
	return nil, hanok.NotFound("machine", id)
}

// MachineByKey gives the machine that was made with a key.
func (m *Manager) MachineByKey(key string) (infra.Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byKey(key); e != nil {
		return e.record.view(), nil
	}
	return infra.Machine{}, hanok.NotFound("machine", key)
}

func (m *Manager) byKey(key string) *entry {
	for _, e := range m.entries {
		if e.record.Machine.Key == key {
			return e
		}
	}
	return nil
}

// Machines lists a cluster's machines, or all with "", the oldest first.
func (m *Manager) Machines(clusterUUID string) []infra.Machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []infra.Machine
	for _, e := range m.entries {
		if clusterUUID == "" || e.record.Machine.ClusterUUID == clusterUUID {
			list = append(list, e.record.view())
		}
	}
	slices.SortFunc(list, func(a, b infra.Machine) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// UsingPort gives the id of the machine that has a port, "" when none has.
func (m *Manager) UsingPort(portID string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usingPort(portID)
}

func (m *Manager) usingPort(portID string) string {
	for id, e := range m.entries {
		if slices.Contains(e.record.PortIDs, portID) {
			return id
		}
	}
	return ""
}
