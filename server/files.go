package main

import (
	"math"

	"github.com/sirupsen/logrus"

	"anxin/hub"
	"anxin/server/httpapi"
)

// The files that a process may open are shared out, so that clients, however many come,
// leave it those that it needs to work: for its database and to call others.
const (
	ownFiles    = 8 // one in so many is its own,
	fewestOwn   = 64
	mostOwn     = 4096
	liveOfThree = 2 // and of the others two in three are for live connections.
	// mostOthers bounds what is no live connection: they take some 20 KB each.
	mostOthers = 20_000
	// requestBytes bounds what large requests hold of the memory: two files of settlements,
	// or 500 of the largest callbacks.
	requestBytes = 128 << 20
)

// shareFiles returns the limits of live connections and those of the others, for a process
// that may open so many files; 0 = nobody bounds them.
func shareFiles(files int, live hub.Limits) (hub.Limits, httpapi.Entrance) {
	live = live.WithDefaults()
	if files <= 0 {
		files = math.MaxInt32
	}
	rest := max(files-min(max(files/ownFiles, fewestOwn), mostOwn), 2)
	live.MaxConnections = min(live.MaxConnections, rest*liveOfThree/3)
	most := min(rest-live.MaxConnections, max(mostOthers, 2*live.MaxWaits))
	live.MaxWaits = min(live.MaxWaits, max(most/2, 1)) // others come and go beside long polls
	return live, httpapi.Entrance{Most: most, MostOf: max(most/2, 1), MaxBytes: requestBytes}
}

// tellFiles says which limits of live connections hold where files are too few for those
// that were configured, or else for what is usual.
func tellFiles(files int, configured, have hub.Limits, log logrus.FieldLogger) {
	if have == configured.WithDefaults() {
		return
	}
	said := log.WithFields(logrus.Fields{"files": files, "max_connections": have.MaxConnections, "max_long_polls": have.MaxWaits})
	const why = "the process may open too few files (ulimit -n) for %s; these hold"
	if have.MaxConnections < configured.MaxConnections || have.MaxWaits < configured.MaxWaits {
		said.Warnf(why, "the configured limits below live")
		return
	}
	said.Infof(why, "the usual limits of live connections")
}
