package main

import (
	"io"
	"net"
	"time"
)

// The phone's link, as budgets assume it.
const (
	roundTrip  = 150 * time.Millisecond
	bytesPerMs = 200 // 1.6 Mbit/s
)

// slow listens and passes each connection on to a server as if a phone's link lay between.
func slow(to string) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go join(client, to)
		}
	}()
	return listener, nil
}

func join(client net.Conn, to string) {
	defer client.Close()
	time.Sleep(roundTrip) // the handshake of TCP, which loopback does at once
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	go carry(server, client)
	carry(client, server)
}

// parcel is what arrives at the other end at a time.
type parcel struct {
	bytes []byte
	at    time.Time
}

// carry takes half a round trip, and no more than the rate.
func carry(to, from net.Conn) {
	defer to.Close()
	under := make(chan parcel, 1024)
	go func() {
		defer close(under)
		free := time.Now()
		for {
			b := make([]byte, 1400) // one segment
			n, err := from.Read(b)
			if n > 0 {
				now := time.Now()
				if free.Before(now) {
					free = now
				}
				free = free.Add(time.Duration(n) * time.Millisecond / bytesPerMs)
				under <- parcel{b[:n], free.Add(roundTrip / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range under {
		time.Sleep(time.Until(p.at))
		if _, err := to.Write(p.bytes); err != nil {
			break
		}
	}
	for range under { // what nobody takes
	}
	_, _ = io.Copy(io.Discard, from)
}
