package engine

import (
	"maps"
	"slices"
)

// ChannelState is what a node knows of one channel's health.
type ChannelState struct {
	Name string
	PaceState
}

// Channels tells the state of each configured channel, by name. Breakers and budgets are
// each node's own: this is what this node knows.
func (e *Engine) Channels() []ChannelState {
	var list []ChannelState
	for _, name := range slices.Sorted(maps.Keys(e.deps.Channels)) {
		if p, ok := e.gates[target{TaskQuery, name}]; ok {
			list = append(list, ChannelState{name, p.stateAt(now())})
		}
	}
	return list
}
