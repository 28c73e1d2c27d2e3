package hub

import (
	"bufio"
	"io"
	"sync"
)

// answerSize holds the answer to a handshake.
const answerSize = 512

// readBuffer has a byte more than a message may have, so that reading one to
// its end fails on what is longer, in however many fragments it comes.
type readBuffer [MaxFrame + 1]byte

// buffers lends memory for the time of one message or one batch, so that idle
// sessions hold none.
type buffers struct {
	read  sync.Pool // of *readBuffer
	write sync.Pool // of *attempt
	// answer is of *bufio.Writer; gorilla uses their memory and leaves them empty.
	answer sync.Pool
}

func newBuffers() *buffers {
	return &buffers{
		read:   sync.Pool{New: func() any { return new(readBuffer) }},
		write:  sync.Pool{New: newAttempt},
		answer: sync.Pool{New: func() any { return bufio.NewWriterSize(io.Discard, answerSize) }},
	}
}
