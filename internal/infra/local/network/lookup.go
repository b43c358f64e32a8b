package network

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Port gives the port with an id.
func (m *Manager) Port(_ context.Context, id string) (infra.Port, error) {
	p, ok := m.ledger.view().Ports[id]
	if !ok {
		return infra.Port{}, hanok.NotFound("port", id)
	}
	return portOf(id, p), nil
}
