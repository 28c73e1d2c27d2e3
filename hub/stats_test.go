package hub_test

import "testing"

func TestWaitingFromPublishToWriteIsMeasured(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1) // was read, not published
	if got := n.Stats().Waited; got.Count != 0 {
		t.Errorf("%d waits before anything was published", got.Count)
	}
	for seq := int64(2); seq < 12; seq++ {
		n.store("order:A", seq)
		p.expect("update", "order:A", seq)
	}
	got := n.Stats().Waited
	if got.Count != 10 || got.Sum <= 0 || got.Buckets[len(got.Buckets)-1].Count > got.Count {
		t.Errorf("measured %+v", got)
	}
	for i := 1; i < len(got.Buckets); i++ {
		if got.Buckets[i].Count < got.Buckets[i-1].Count || got.Buckets[i].UpTo <= got.Buckets[i-1].UpTo {
			t.Errorf("bucket %d holds less than the one before: %+v", i, got.Buckets)
		}
	}
}
