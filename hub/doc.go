// Package hub brings the newest state of a topic to everyone who watches it,
// over WebSocket, server-sent events and long poll, on any number of nodes. It knows topics and
// bytes; what they mean is the business of whoever builds it.
//
// # The way of a state
//
// The publisher stores a state in the [Source], then calls [Hub.Publish]. The
// hub finds the topic, offers the state to each watcher and hands it to the
// [Bus], which brings it to the other nodes, where the same happens. Every
// session has at most one state of each topic waiting; a newer one replaces it.
// Whoever has made it wait writes it, many frames in one call, as far as the socket
// takes them at once; only then a goroutine waits for the client. A state with many
// watchers is written by others than its publisher.
//
// # Why nothing is missed
//
// A watcher registers first and reads the Source then; what is published during
// the read waits until the snapshot is out, and is dropped if the snapshot
// contains it. After that only a higher seq than the last one passes, so that a
// watcher never sees a topic go back, in whatever order states arrive.
//
// The bus may lose anything. Every few seconds the sweep asks the Source for
// the seqs of all watched topics and reads those states that no message
// brought. The same comparison follows at once when the bus has joined a topic
// later than its watcher did, or when a message without data does not continue
// what is known. A dead bus therefore costs latency and nothing else.
//
// # Who is there
//
// [Hub.Presence] counts the watchers of a topic on all nodes, by audience. Nobody keeps
// books of them: whoever wants to know asks over the bus, and the nodes that have
// watchers answer. A storm of subscribes therefore costs no message. A node that does not
// answer in time is left out, and so are all while the bus is dead; the answer says so.
//
// # What a bad client can do
//
// It can hurt itself. A slow one gets fewer, newer states, and is closed when
// it takes no bytes at all; a silent one is closed after missed pings; one that
// sends nonsense gets error frames and then a close. See [CloseCodes],
// [ErrorCodes] and [Limits]. No publisher ever waits for a client.
//
// # Cost
//
// An idle connection is one goroutine parked on the smallest stack, its socket and
// its session: no writer goroutine, no write buffer, no timer. What needs a deep
// stack, down to the database, is done on a few goroutines for all connections
// (desk.go). A message is encoded once for all its watchers on a node.
package hub
