package storetest

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Stolen begins to watch the machine. What it returns reports, as stolen-%, the share of
// the processors' time since then that other guests of the same host were given instead:
// while it is high, times and rates are the host's and not the program's. It reports 0
// where /proc does not tell.
func Stolen(b *testing.B) (report func()) {
	b.Helper()
	stolen, all := processorTime()
	return func() {
		b.Helper()
		s, a := processorTime()
		b.ReportMetric(100*(s-stolen)/max(a-all, 1), "stolen-%")
	}
}

// processorTime returns the ticks of all processors since the machine started: those that
// were stolen, and all. The columns of /proc/stat are user, nice, system, idle, iowait,
// irq, softirq and steal (proc_stat(5)).
func processorTime() (stolen, all float64) {
	const columns, steal = 8, 7
	text, err := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	if err != nil || len(fields) <= columns {
		return 0, 0
	}
	for i, field := range fields[1 : 1+columns] {
		ticks, _ := strconv.ParseFloat(field, 64)
		all += ticks
		if i == steal {
			stolen = ticks
		}
	}
	return stolen, all
}
