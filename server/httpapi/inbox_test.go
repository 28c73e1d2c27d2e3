package httpapi_test

import (
	"net/http"
	"testing"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/server/httpapi"
)

func (w *world) put(box, id, orderNo string) {
	w.t.Helper()
	must(w.t, w.store.Commit(w.t.Context(), engine.Commit{Messages: &engine.MessageWrites{Item: &engine.InboxItem{
		InboxID: box, ID: id, OrderNo: orderNo, Notice: notify.NoticeDelayed, Language: "en", Title: "Being confirmed", Body: "one\ntwo", At: order.Time(1),
	}}}))
}

func TestAnInboxIsItsPayersAtOneBackend(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	mine := w.register(registration("A1"))
	payer := mine.Order["payer"].(map[string]any)["id"].(string)
	box := engine.InboxID("shop", payer)
	for _, id := range []string{"m1", "m2", "m3"} {
		w.put(box, id, "A1")
	}
	w.put(engine.InboxID("other", payer), "foreign", "A9")
	key := bearer(mine.InboxToken)
	first := decode[httpapi.InboxView](t, c.exchange(http.StatusOK, "GET", "/v1/inbox?limit=2", nil, key))
	if first.Topic != "inbox:"+box || first.Unread != 3 || first.Seq != 4 || len(first.Items) != 2 || first.Items[0].ID != "m3" || first.NextCursor == nil {
		t.Fatalf("inbox %+v", first)
	}
	rest := decode[httpapi.InboxView](t, c.exchange(http.StatusOK, "GET", "/v1/inbox?limit=2&cursor="+*first.NextCursor, nil, key))
	if len(rest.Items) != 1 || rest.Items[0].ID != "m1" || rest.NextCursor != nil {
		t.Errorf("the rest is %+v", rest)
	}
	w.want(http.StatusOK, "GET", first.Items[0].PageURL[len(w.base):], nil)
	read := decode[httpapi.InboxView](t, c.exchange(http.StatusOK, "POST", "/v1/inbox/read", object{"ids": []string{"m3"}}, key))
	if read.Unread != 2 || read.Seq != 5 || read.Items[0].ReadAt == 0 || read.Items[1].ReadAt != 0 {
		t.Errorf("after reading one: %+v", read)
	}
	if again := decode[httpapi.InboxView](t, c.exchange(http.StatusOK, "POST", "/v1/inbox/read", object{"up_to": 3}, key)); again.Unread != 0 {
		t.Errorf("after reading all: %+v", again)
	}
	for _, wrong := range []object{{}, {"up_to": -1}, {"ids": []string{}}} {
		w.want(http.StatusUnprocessableEntity, "POST", "/v1/inbox/read", wrong, key)
	}
	w.want(http.StatusBadRequest, "GET", "/v1/inbox?cursor=0", nil, key)
	w.want(http.StatusUnauthorized, "GET", "/v1/inbox", nil, bearer(mine.ViewToken))
	w.want(http.StatusUnauthorized, "GET", "/v1/inbox", nil)
}
