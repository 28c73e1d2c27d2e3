package hub

import (
	"encoding/binary"
	"errors"
)

// busFormat is the first byte of every payload, so that nodes of two versions
// can run side by side: an unknown format is dropped and the sweep makes up.
const busFormat = 1

var errBusPayload = errors.New("hub: payload of the bus is malformed")

// encodeBus writes format, seq, whether there is data, event length, event, data.
func encodeBus(m Message) []byte {
	b := make([]byte, 0, 2+2*binary.MaxVarintLen64+len(m.Event)+len(m.Data))
	b = append(b, busFormat, 0)
	if m.Data != nil {
		b[1] = 1
	}
	b = binary.AppendVarint(b, m.Seq)
	b = binary.AppendUvarint(b, uint64(len(m.Event)))
	b = append(b, m.Event...)
	return append(b, m.Data...)
}

// decodeBus copies what it keeps of b.
func decodeBus(topic string, b []byte) (Message, error) {
	if len(b) < 2 || b[0] != busFormat || b[1] > 1 {
		return Message{}, errBusPayload
	}
	hasData := b[1] == 1
	b = b[2:]
	seq, n := binary.Varint(b)
	if n <= 0 || seq <= 0 {
		return Message{}, errBusPayload
	}
	b = b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return Message{}, errBusPayload
	}
	b = b[n:]
	m := Message{Topic: topic, Seq: seq, Event: string(b[:size])}
	if hasData {
		m.Data = append([]byte{}, b[size:]...)
	}
	return m, nil
}
