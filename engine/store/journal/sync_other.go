//go:build !linux

package journal

import "os"

// syncData makes what was written durable.
func syncData(file *os.File) error { return file.Sync() }
