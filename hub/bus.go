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
	// Ask puts the one question there is, who watches the topic, to the other nodes that
	// are subscribed, and returns their answers. It waits for all of them, at most until
	// ctx ends. An error says that some may be missing; with a dead transport it comes
	// at once, as soon as that is known.
	Ask(ctx context.Context, topic string) (answers [][]byte, err error)
	// Run moves payloads until ctx ends and every goroutine of it has ended.
	// A lost transport is waited for, not returned.
	Run(ctx context.Context, r Receiver) error
}

// Receiver is where a Bus delivers. The calls for one topic come one at a time, but
// for Asked, which may come beside them.
type Receiver interface {
	// Received takes a payload of another node. It must not keep the slice.
	Received(topic string, payload []byte)
	// Joined says that from now on payloads of the topics arrive here, and
	// that earlier ones may have been missed. A bus whose Subscribe takes
	// effect before it returns need not call it.
	Joined(topics []string)
	// Asked returns the answer to another node's question about a topic. It must not block.
	Asked(topic string) (answer []byte)
}

// alone is the bus of a node without others.
type alone struct{}

var _ Bus = alone{}

func (alone) Publish(string, []byte) {}
func (alone) Subscribe(string)       {}
func (alone) Unsubscribe(string)     {}

func (alone) Ask(context.Context, string) ([][]byte, error) { return nil, nil }

func (alone) Run(ctx context.Context, _ Receiver) error {
	<-ctx.Done()
	return nil
}
