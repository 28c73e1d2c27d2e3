//go:build !windows

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// acquireLock locks path until the result is closed or the process ends, however it
// ends. The file itself stays: removing it would let two processes lock two files.
func acquireLock(path string) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the database that the operator names
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	err = flock(file)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

// A lock outlives the process that held it by a moment: until the kernel has closed its
// files, and those that a child of it had inherited and not yet dropped.
const (
	lockTries = 20
	lockPause = 50 * time.Millisecond
)

func flock(file *os.File) error {
	for try := 1; ; try++ {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == lockTries {
			return err
		}
		<-time.After(lockPause)
	}
}
