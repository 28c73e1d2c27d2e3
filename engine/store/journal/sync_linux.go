package journal

import (
	"os"
	"syscall"
)

// syncData makes what was written durable, without the time of writing.
func syncData(file *os.File) error {
	for {
		if err := syscall.Fdatasync(int(file.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
