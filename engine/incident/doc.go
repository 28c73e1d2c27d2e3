// Package incident is about many orders of one channel in trouble at once. Its board
// holds what operators tell payers meanwhile: an announcement is shown to those who wait
// until its time is over or it is taken down, and every change has a version, so that
// watchers know which of two boards is the newer.
package incident
