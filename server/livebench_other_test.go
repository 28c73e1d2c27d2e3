//go:build !linux

package main

import "errors"

const roleEnv = "ANXIN_BENCH_ROLE"

// playRole has no part elsewhere: the load of the live benchmark stands on epoll.
func playRole(string) error { return errors.New("the live benchmark needs Linux") }
