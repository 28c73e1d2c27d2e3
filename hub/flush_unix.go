//go:build unix

package hub

import (
	"errors"
	"syscall"
)

// writeOnce never asks to be called again, which would wait for the socket.
func (a *attempt) writeOnce(fd uintptr) bool {
	for {
		a.n, a.err = syscall.Write(int(fd), a.bytes)
		switch {
		case errors.Is(a.err, syscall.EINTR):
			continue
		case errors.Is(a.err, syscall.EAGAIN):
			a.err = nil
		}
		a.n = max(a.n, 0)
		return true
	}
}
