package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// wire is a browser's own protocol, Chromium's or WebDriver BiDi: numbered calls and
// events, as JSON over a WebSocket.
type wire struct {
	conn *websocket.Conn
	done chan struct{} // closed when nothing more arrives

	mu     sync.Mutex // guards what follows, and writing
	last   int
	calls  map[int]chan message
	events []message
}

// message is what a browser sends: the answer to a call, or an event.
type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

func dial(t *testing.T, url string) *wire {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	_ = resp.Body.Close()
	w := &wire{conn: conn, done: make(chan struct{}), calls: map[int]chan message{}}
	go w.read()
	t.Cleanup(func() { _ = conn.Close(); <-w.done })
	return w
}

func (w *wire) read() {
	defer close(w.done)
	for {
		var m message
		if err := w.conn.ReadJSON(&m); err != nil {
			return
		}
		w.mu.Lock()
		if call, ok := w.calls[m.ID]; ok {
			delete(w.calls, m.ID)
			call <- m // it has room
		} else if m.Method != "" {
			w.events = append(w.events, m)
		}
		w.mu.Unlock()
	}
}

// call waits for the answer to a call, and reads it into result unless that is nil.
func (w *wire) call(method string, params, result any) error {
	answer, err := w.send(method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	giveUp := time.NewTimer(patience)
	defer giveUp.Stop()
	select {
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-w.done:
		return fmt.Errorf("%s: the browser has hung up", method)
	case <-giveUp.C:
		return fmt.Errorf("%s: no answer", method)
	}
}

func (w *wire) send(method string, params any) (chan message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	answer := make(chan message, 1)
	w.calls[w.last] = answer
	return answer, w.conn.WriteJSON(object{"id": w.last, "method": method, "params": params})
}

// errors lists the events that tell of one, among those that a browser has been told to
// send. Lesser things it says of pages that suit newer ones too.
func (w *wire) errors() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, e := range w.events {
		if e.Method == "Runtime.exceptionThrown" || bytes.Contains(e.Params, []byte(`"level":"error"`)) || bytes.Contains(e.Params, []byte(`"type":"error"`)) {
			found = append(found, string(e.Params))
		}
	}
	return found
}

// devtools drives a Chromium, by what its oldest releases understand too.
type devtools struct{ *wire }

var _ otherBrowser = (*devtools)(nil)

func (d *devtools) show(url string) error {
	if _, err := d.run(`String(window.left = true)`); err != nil {
		return err
	}
	if err := d.call("Page.navigate", object{"url": url}, nil); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		// Between two documents there is none to ask.
		if state, err := d.run(`window.left ? 'left' : document.readyState`); err == nil && state == "complete" {
			return nil
		}
	}
	return errors.New("the page does not load")
}

func (d *devtools) run(expression string) (string, error) {
	var answer struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		Thrown json.RawMessage `json:"exceptionDetails"`
	}
	err := d.call("Runtime.evaluate", object{"expression": expression}, &answer)
	if err == nil && answer.Thrown != nil {
		err = fmt.Errorf("thrown: %s", answer.Thrown)
	}
	return answer.Result.Value, err
}

func (d *devtools) console() []string { return d.errors() }

// bidi drives a browser by WebDriver BiDi.
type bidi struct {
	*wire

	tab string
}

var _ otherBrowser = (*bidi)(nil)

func (b *bidi) show(url string) error {
	return b.call("browsingContext.navigate", object{"context": b.tab, "url": url, "wait": "complete"}, nil)
}

func (b *bidi) run(expression string) (string, error) {
	var answer struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		Thrown json.RawMessage `json:"exceptionDetails"`
	}
	err := b.call("script.evaluate", object{"expression": expression, "target": object{"context": b.tab}, "awaitPromise": false}, &answer)
	if err == nil && answer.Thrown != nil {
		err = fmt.Errorf("thrown: %s", answer.Thrown)
	}
	return answer.Result.Value, err
}

func (b *bidi) console() []string { return b.errors() }
