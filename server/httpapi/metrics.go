package httpapi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"anxin/engine"
	"anxin/hub"
)

// metric is one line of the Prometheus text format, version 0.0.4.
type metric struct {
	name  string
	kind  string // counter or gauge
	help  string
	value float64
}

func metricsText(e engine.Counts, channels []engine.ChannelState, h hub.Stats, keys []ChannelCredentials) []byte {
	var b strings.Builder
	for _, m := range append(engineMetrics(e), hubMetrics(h)...) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %g\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
	const closes = "anxin_live_closes_total"
	fmt.Fprintf(&b, "# HELP %s Live connections ended by the server, by close code.\n# TYPE %s counter\n", closes, closes)
	for _, info := range hub.CloseCodes() {
		fmt.Fprintf(&b, "%s{code=\"%d\"} %d\n", closes, info.Code, h.Closes[info.Code])
	}
	histogramText(&b, "anxin_live_publish_to_write_seconds", "From the publication of a state on this node to its write to a client.", h.Waited)
	channelText(&b, channels)
	credentialText(&b, keys)
	return []byte(b.String())
}

func histogramText(b *strings.Builder, name, help string, h hub.Histogram) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name)
	for _, bucket := range h.Buckets {
		fmt.Fprintf(b, "%s_bucket{le=\"%g\"} %d\n", name, bucket.UpTo.Seconds(), bucket.Count)
	}
	fmt.Fprintf(b, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, h.Count, name, h.Sum.Seconds(), name, h.Count)
}

// channelText writes what differs by channel. Names are letters, digits, _ and -.
func channelText(b *strings.Builder, channels []engine.ChannelState) {
	for _, m := range []struct {
		name, help string
		value      func(engine.ChannelState) int
	}{
		{"anxin_channel_breaker_open", "1 while this node leaves the channel alone because it fails.", func(s engine.ChannelState) int {
			if s.Breaker == engine.BreakerClosed {
				return 0
			}
			return 1
		}},
		{"anxin_channel_failures", "Queries in a row without a usable answer.", func(s engine.ChannelState) int { return s.Failures }},
		{"anxin_channel_deferred", "Queries that wait for their turn.", func(s engine.ChannelState) int { return s.Deferred }},
	} {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		for _, s := range channels {
			fmt.Fprintf(b, "%s{channel=%q} %d\n", m.name, s.Name, m.value(s))
		}
	}
}

// messageText writes what differs by provider, and why channels told nothing.
func messageText(b *strings.Builder, providers []engine.ProviderState, skipped map[engine.SkipKey]int64) {
	for _, m := range []struct {
		name, kind, help string
		value            func(engine.ProviderState) float64
	}{
		{"anxin_message_calls_total", "counter", "Messages handed to the provider.", func(p engine.ProviderState) float64 { return float64(p.Calls) }},
		{"anxin_message_seconds_total", "counter", "Time that these calls took.", func(p engine.ProviderState) float64 { return p.Took }},
		{"anxin_message_delivered_total", "counter", "Messages that the provider reported as delivered.", func(p engine.ProviderState) float64 { return float64(p.Delivered) }},
		{"anxin_message_undelivered_total", "counter", "Messages that the provider reported as failed.", func(p engine.ProviderState) float64 { return float64(p.Failed) }},
		{"anxin_message_breaker_open", "gauge", "1 while this node leaves the provider alone because it fails.", func(p engine.ProviderState) float64 {
			if p.Breaker == engine.BreakerClosed {
				return 0
			}
			return 1
		}},
	} {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, p := range providers {
			fmt.Fprintf(b, "%s{provider=%q,channel=%q} %g\n", m.name, p.Name, p.Channel, m.value(p))
		}
	}
	const failures = "anxin_message_errors_total"
	fmt.Fprintf(b, "# HELP %s Messages that the provider did not take, by what that means.\n# TYPE %s counter\n", failures, failures)
	for _, p := range providers {
		for _, kind := range slices.Sorted(maps.Keys(p.Errors)) {
			fmt.Fprintf(b, "%s{provider=%q,kind=%q} %d\n", failures, p.Name, kind, p.Errors[kind])
		}
	}
	const skips = "anxin_messages_skipped_total"
	fmt.Fprintf(b, "# HELP %s Messages that were not needed or not allowed, by reason.\n# TYPE %s counter\n", skips, skips)
	keys := slices.SortedFunc(maps.Keys(skipped), func(a, b engine.SkipKey) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Reason, b.Reason))
	})
	for _, k := range keys {
		fmt.Fprintf(b, "%s{channel=%q,reason=%q} %d\n", skips, k.Channel, k.Reason, skipped[k])
	}
}

func engineMetrics(c engine.Counts) []metric {
	return []metric{
		{"anxin_callbacks_total", "counter", "Callbacks received.", float64(c.Callbacks)},
		{"anxin_callbacks_duplicate_total", "counter", "Notifications that had been stored before.", float64(c.Duplicates)},
		{"anxin_callbacks_rejected_total", "counter", "Callbacks that did not verify.", float64(c.Rejected)},
		{"anxin_callbacks_quarantined_total", "counter", "Notifications for orders not registered yet.", float64(c.Quarantined)},
		{"anxin_callbacks_rejected_kept_total", "counter", "Refused callbacks that operators can look at.", float64(c.RejectedKept)},
		{"anxin_callbacks_rejected_dropped_total", "counter", "Refused callbacks beyond the sample that is kept.", float64(c.RejectedDropped)},
		{"anxin_callbacks_in_quarantine", "gauge", "Callbacks waiting for their orders, counted once a minute.", float64(c.InQuarantine)},
		{"anxin_callbacks_stored_first_total", "counter", "Notifications that were acknowledged before they were weighed.", float64(c.StoredFirst)},
		{"anxin_callbacks_unweighed", "gauge", "Acknowledged notifications that this node has yet to weigh.", float64(c.Unweighed)},
		{"anxin_callbacks_journal", "gauge", "Acknowledged notifications in the store that are yet to be weighed, by any node, counted once a minute.", float64(c.InJournal)},
		{"anxin_callbacks_unweighed_seconds", "gauge", "How long the oldest of them has waited.", c.UnweighedFor.Seconds()},
		{"anxin_queries_total", "counter", "Questions put to channels.", float64(c.Queries)},
		{"anxin_query_failures_total", "counter", "Questions to channels without a usable answer.", float64(c.QueryFailures)},
		{"anxin_deferrals_total", "counter", "Queries and deliveries put off to a later time.", float64(c.Deferrals)},
		{"anxin_deliveries_total", "counter", "Webhooks sent to backends.", float64(c.Deliveries)},
		{"anxin_delivery_failures_total", "counter", "Webhooks that a backend did not accept.", float64(c.DeliveryFailures)},
	}
}

func hubMetrics(s hub.Stats) []metric {
	return []metric{
		{"anxin_live_connections", "gauge", "Open live connections.", float64(s.Connections)},
		{"anxin_live_subscriptions", "gauge", "Topics watched, counted per connection.", float64(s.Subscriptions)},
		{"anxin_live_topics", "gauge", "Distinct topics watched.", float64(s.Topics)},
		{"anxin_live_waits", "gauge", "Long polls in progress.", float64(s.Waits)},
		{"anxin_live_frames_received_total", "counter", "Frames from clients.", float64(s.FramesIn)},
		{"anxin_live_frames_sent_total", "counter", "Frames to clients.", float64(s.FramesOut)},
		{"anxin_live_conflations_total", "counter", "States replaced by newer ones before a client took them.", float64(s.Conflations)},
		{"anxin_live_repairs_total", "counter", "States found by the sweep because no message brought them.", float64(s.Repairs)},
		{"anxin_live_sweeps_total", "counter", "Comparisons of all watched topics with the store.", float64(s.Sweeps)},
		{"anxin_live_sweep_seconds_total", "counter", "Time that these comparisons took.", s.SweepTime.Seconds()},
		{"anxin_live_errors_total", "counter", "Error frames sent.", float64(s.Errors)},
		{"anxin_live_bus_malformed_total", "counter", "Bus messages that could not be read.", float64(s.Malformed)},
		{"anxin_live_presence_asks_total", "counter", "Questions of who watches an order on any node.", float64(s.Asked)},
		{"anxin_live_presence_partial_total", "counter", "Such questions that not every node answered.", float64(s.Partial)},
		{"anxin_live_peer_closes_total", "counter", "Live connections ended by the client or the network.", float64(s.PeerCloses)},
	}
}
