package hub

import "context"

// Bus carries published messages between the nodes of one installation.
//
// It is a hint, not a store. An implementation promises:
//
//   - a payload arrives at most once at each other node that is subscribed,
//     and a node may or may not hear its own;
//   - payloads of one topic published by one node arrive in their order;
//   - payloads may be lost, at any time and without notice. The hub's sweep
//     then finds the state in the Source, so that loss costs latency only.
//
// The methods may be called from many goroutines, before, during and after Run.
type Bus interface {
	// Publish hands a payload over and never blocks on the network: with a
	// dead or slow transport it drops. The payload must not be changed after.
	Publish(topic string, payload []byte)
	// Subscribe and Unsubscribe record which topics have watchers here. They
	// return at once; the transport follows as soon as it can and joins all
	// recorded topics again after every interruption.
	Subscribe(topic string)
	Unsubscribe(topic string)
	// Run moves payloads until ctx ends and every goroutine of it has ended.
	// A lost transport is waited for, not returned.
	Run(ctx context.Context, r Receiver) error
}

// Receiver is where a Bus delivers. The calls for one topic come one at a time.
type Receiver interface {
	// Received takes a payload of another node. It must not keep the slice.
	Received(topic string, payload []byte)
	// Joined says that from now on payloads of the topics arrive here, and
	// that earlier ones may have been missed. A bus whose Subscribe takes
	// effect before it returns need not call it.
	Joined(topics []string)
}

// alone is the bus of a node without others.
type alone struct{}

var _ Bus = alone{}

func (alone) Publish(string, []byte) {}
func (alone) Subscribe(string)       {}
func (alone) Unsubscribe(string)     {}

func (alone) Run(ctx context.Context, _ Receiver) error {
	<-ctx.Done()
	return nil
}
