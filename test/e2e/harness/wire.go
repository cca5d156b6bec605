// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Wire passes bytes on between whoever connects to it and an address, and can be cut as a network is: nothing is
// closed, nothing is refused, and nothing gets through, in either direction.
//
// What was written during a cut arrives when the wire is mended, as from a sender's kernel that keeps trying, unless the
// sender has closed its connection by then: what a reset connection has not delivered is gone.
type Wire struct {
	Address string // where to connect to

	target string
	lost   sync.Mutex // held while the target refuses
	mu     sync.Mutex
	mended *sync.Cond
	cut    bool
	server net.Listener
	lying  bool
	ended  bool
	ends   map[net.Conn]bool
}

// NewWire starts one; who connects before Aim is turned away.
func NewWire() (*Wire, error) {
	w := &Wire{ends: map[net.Conn]bool{}}
	w.mended = sync.NewCond(&w.mu)
	w.Address = "127.0.0.1:0"
	return w, w.listen()
}

// Aim says where it leads.
func (w *Wire) Aim(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

func (w *Wire) listen() error {
	listener, err := net.Listen("tcp", w.Address)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.Address, w.server = listener.Addr().String(), listener
	w.mu.Unlock()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(connection.(*net.TCPConn))
		}
	}()
	return nil
}

// Cut lets nothing through until Mend.
func (w *Wire) Cut() { w.set(true) }

// Mend ends a cut.
func (w *Wire) Mend() { w.set(false) }

func (w *Wire) set(cut bool) {
	w.mu.Lock()
	w.cut = cut
	w.mu.Unlock()
	w.mended.Broadcast()
}

// Lie closes all connections and refuses new ones, as a firewall does that rejects: it looks as if the process at the
// other end were gone. Until Mend and Listen.
func (w *Wire) Lie() {
	w.mu.Lock()
	w.lying = true
	server := w.server
	var ends []net.Conn
	for c := range w.ends {
		ends = append(ends, c)
	}
	w.mu.Unlock()
	_ = server.Close()
	for _, c := range ends {
		_ = c.Close()
	}
}

// Listen ends a lie.
func (w *Wire) Listen() error {
	w.mu.Lock()
	w.lying = false
	w.mu.Unlock()
	return w.listen()
}

func (w *Wire) lies() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lying
}

// Close ends it for good.
func (w *Wire) Close() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.Mend()
	w.Lie()
}

func (w *Wire) track(c net.Conn, alive bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if alive {
		w.ends[c] = true
	} else {
		delete(w.ends, c)
	}
}

// wait returns when the wire is whole, and whether it was cut meanwhile.
func (w *Wire) wait() (waited bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.cut {
		waited = true
		w.mended.Wait()
	}
	return waited
}

func (w *Wire) dial() (net.Conn, error) {
	w.mu.Lock()
	target := w.target
	w.mu.Unlock()
	return net.Dial("tcp", target)
}

// follow refuses connections as long as the target does.
func (w *Wire) follow() {
	if !w.lost.TryLock() {
		return
	}
	defer w.lost.Unlock()
	if probe, err := w.dial(); err == nil {
		_ = probe.Close()
		return
	}
	w.mu.Lock()
	_ = w.server.Close()
	w.mu.Unlock()
	for !w.closed() {
		if probe, err := w.dial(); err == nil {
			_ = probe.Close()
			_ = w.listen()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *Wire) closed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *Wire) carry(client *net.TCPConn) {
	w.wait()
	server, err := w.dial()
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		w.follow()
		return
	}
	w.track(client, true)
	w.track(server, true)
	var both sync.WaitGroup
	both.Go(func() { w.copy(server.(*net.TCPConn), client) })
	both.Go(func() { w.copy(client, server.(*net.TCPConn)) })
	both.Wait()
	w.track(client, false)
	w.track(server, false)
	if !w.lies() {
		w.follow()
	}
}

// copy passes on until one end is gone, and then resets both.
func (w *Wire) copy(to, from *net.TCPConn) {
	defer func() {
		w.wait() // a farewell does not get through either
		for _, c := range []*net.TCPConn{to, from} {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if w.wait() && reset(from) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) { // let what is under way the other way end
				time.Sleep(10 * time.Millisecond)
			}
			return
		}
	}
}

// reset tells whether the other side has reset or closed the connection.
func reset(c *net.TCPConn) (gone bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := getTCPState(int(fd))
		gone = err != nil || info != tcpEstablished
	})
	return gone
}

const tcpEstablished = 1

func getTCPState(fd int) (byte, error) {
	value, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_INFO)
	return byte(value), err // tcpi_state is the first byte of struct tcp_info
}
