//go:build !windows

package main

import "syscall"

// fileLimit returns how many files the process may open, 0 = it is not known. Go's runtime
// has raised it to what the system allows.
func fileLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}
