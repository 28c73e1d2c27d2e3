//go:build linux

package main

import (
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// floorServer is the smallest correct server on the WebSocket library: a reading
// goroutine for each connection, pooled write buffers, and a publisher that writes. It
// knows no topics, tokens or state, and whoever is slow holds up all others.
type floorServer struct {
	listener net.Listener
	server   http.Server
	upgrader websocket.Upgrader

	mu    sync.Mutex // guards conns
	conns map[int]*websocket.Conn
}

func newMeasuredFloor() (measured, error) {
	f := &floorServer{conns: map[int]*websocket.Conn{}}
	f.upgrader = websocket.Upgrader{
		ReadBufferSize: 256, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(*http.Request) bool { return true },
	}
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	f.server.Handler = f
	go func() { _ = f.server.Serve(f.listener) }()
	return f, nil
}

func (f *floorServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil {
		http.Error(w, "n", http.StatusBadRequest)
		return
	}
	conn, err := f.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.conns[n] = conn
	f.mu.Unlock()
	go readFloor(conn) // a fresh one, so that the memory of the request is free
}

func readFloor(conn *websocket.Conn) {
	for {
		if _, _, err := conn.NextReader(); err != nil {
			_ = conn.Close()
			return
		}
	}
}

func (f *floorServer) ready() reply { return reply{Addr: f.listener.Addr().String()} }

func (f *floorServer) update(i int) error {
	f.mu.Lock()
	conn := f.conns[i]
	f.mu.Unlock()
	return conn.WriteMessage(websocket.TextMessage, floorFrame())
}

func (f *floorServer) broadcast() error {
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, floorFrame())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		if err := conn.WritePreparedMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// floorFrame has the size of the real server's.
func floorFrame() []byte {
	b := append(make([]byte, 0, 560), `{"type":"update","topic":"order:B10000","seq":8,"now":"2026-11-25T00:00:00.000Z","event":"retry.scheduled","data":`...)
	return append(append(b, timedState(time.Now())...), '}')
}

func (f *floorServer) sweep() float64 { return 0 }

func (f *floorServer) close() { _ = f.server.Close() }
