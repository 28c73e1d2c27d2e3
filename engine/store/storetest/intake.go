package storetest

import (
	"net/http"
	"testing"
	"time"

	"anxin/engine"
)

func testCallbackOnce(t *testing.T, s engine.Store) {
	t.Helper()
	first := callback("A1", "n1", engine.CallbackProcessed)
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{first}})
	refuse(t, s, engine.Commit{Callbacks: []engine.Callback{callback("A2", "n1", engine.CallbackPending)}}, engine.ErrDuplicate)
	elsewhere := callback("A1", "n1", engine.CallbackProcessed)
	elsewhere.Channel = "alipay"
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{elsewhere}})
	equal(t, "stored", callbacks(t, s, "A1", engine.CallbackProcessed), []engine.Callback{first, elsewhere})

	twice := engine.Commit{Callbacks: []engine.Callback{
		callback("A3", "n3", engine.CallbackPending), callback("A3", "n3", engine.CallbackPending),
	}}
	if err := s.Commit(t.Context(), twice); err == nil {
		t.Fatal("a commit with the same callback twice was accepted")
	}
	equal(t, "of the refused commit", len(callbacks(t, s, "A3", engine.CallbackPending)), 0)
}

func testCallbackStates(t *testing.T, s engine.Store) {
	t.Helper()
	waiting := []engine.Callback{
		callback("A1", "z", engine.CallbackQuarantined),
		callback("A1", "y", engine.CallbackQuarantined),
		callback("A1", "x", engine.CallbackQuarantined),
	}
	for _, c := range waiting {
		commit(t, s, engine.Commit{Callbacks: []engine.Callback{c}})
	}
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{callback("A2", "a", engine.CallbackQuarantined)}})
	equal(t, "in the order of arrival", callbacks(t, s, "A1", engine.CallbackQuarantined), waiting)
	first, err := s.Callbacks(t.Context(), "A1", engine.CallbackQuarantined, 1)
	if err != nil {
		t.Fatalf("read callbacks: %v", err)
	}
	equal(t, "the first", first, waiting[:1])

	c := registration(register(t, "A1", start))
	c.Processed = []engine.CallbackKey{waiting[0].CallbackKey, waiting[2].CallbackKey}
	commit(t, s, c)
	equal(t, "still waiting", callbacks(t, s, "A1", engine.CallbackQuarantined), waiting[1:2])
	waiting[0].State, waiting[2].State = engine.CallbackProcessed, engine.CallbackProcessed
	equal(t, "processed", callbacks(t, s, "A1", engine.CallbackProcessed), []engine.Callback{waiting[0], waiting[2]})
}

// testCallbackBytes stores a request that is no text: it must verify again later.
func testCallbackBytes(t *testing.T, s engine.Store) {
	t.Helper()
	c := callback("A1", "n1", engine.CallbackPending)
	c.Raw.Header = http.Header{"X-Latin": {"caf\xe9", "", "\xff\x00"}}
	c.Raw.Query = "name=\xe9\x00&x=%"
	c.Raw.Body = []byte("\x00\xff{\xed\xa0\x80")
	c.Raw.ReceivedAt = start.Std().Add(123_456 * time.Nanosecond)
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{c}})
	equal(t, "callback", callbacks(t, s, "A1", engine.CallbackPending), []engine.Callback{c})
}

func testWebhooks(t *testing.T, s engine.Store) {
	t.Helper()
	commit(t, s, engine.Commit{Webhooks: []engine.Webhook{webhook("b", "A1", 9), webhook("c", "A1", 10), webhook("z", "A1", 2)}})
	commit(t, s, engine.Commit{Webhooks: []engine.Webhook{webhook("a", "A2", 1)}})
	equal(t, "oldest", nextWebhook(t, s, "A1"), webhook("z", "A1", 2))
	later, err := s.NextWebhook(t.Context(), "A1", 2)
	if err != nil || later.ID != "b" {
		t.Errorf("after seq 2: %q, %v", later.ID, err)
	}
	end := func(id string, accepted bool, at time.Duration) {
		commit(t, s, engine.Commit{Accepted: &engine.WebhookOutcome{ID: id, Accepted: accepted, At: start.Add(at)}})
	}
	end("z", true, time.Second)
	equal(t, "next", nextWebhook(t, s, "A1").ID, "b")
	end("b", false, time.Second)
	equal(t, "after one that was given up", nextWebhook(t, s, "A1").ID, "c")
	end("c", true, time.Second)
	end("c", false, time.Hour) // the first outcome stands; a second is no error
	_, err = s.NextWebhook(t.Context(), "A1", 0)
	isNotFound(t, "webhook of an order that has none left", err)
	equal(t, "of another order", nextWebhook(t, s, "A2").ID, "a")
}

func testKeys(t *testing.T, s engine.Store) {
	t.Helper()
	key := engine.Key{OrderNo: "A1", Key: "k", Hash: "h1", Seq: 4, At: start}
	commit(t, s, engine.Commit{Key: &key})
	got, err := s.Key(t.Context(), "A1", "k")
	if err != nil {
		t.Fatalf("read key: %v", err)
	}
	equal(t, "key", got, key)
	other := key
	other.Hash = "h2"
	refuse(t, s, engine.Commit{Key: &other}, engine.ErrKeyUsed)
	other.OrderNo = "A2"
	commit(t, s, engine.Commit{Key: &other})
}
