// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// Call is what a request is about.
type Call string

// Calls of kube-scheduler to Phalanx, and of Phalanx to the API server.
const (
	Filter     Call = "filter"
	Prioritize Call = "prioritize"
	Preempt    Call = "preempt"
	Bind       Call = "bind"

	Binding     Call = "binding"
	Nomination  Call = "nomination"
	Withdrawal  Call = "withdrawal" // of a nomination
	Explanation Call = "explanation"
	Event       Call = "event"
	Look        Call = "look" // at one pod
	List        Call = "list"
	Watch       Call = "watch"
	Other       Call = "other"
)

// Exchange is one request with its answer.
type Exchange struct {
	Call   Call
	Number int // of its Call since Arm or Reset, from 1
	Path   string

	tally      *tally
	generation int // of its connection
	start      time.Time
}

// tally counts exchanges.
type tally struct {
	seen    map[Call]int
	written map[Call]int // handed to the server
	answers map[Call]int // that the server has given
	passed  map[Call]int // answers the client has got
	slowest map[Call]time.Duration
}

func newTally() *tally {
	return &tally{
		seen: map[Call]int{}, written: map[Call]int{}, answers: map[Call]int{}, passed: map[Call]int{},
		slowest: map[Call]time.Duration{},
	}
}

// Verdict is what becomes of an exchange. The zero value passes it on.
type Verdict struct {
	Delay  time.Duration // before anything else
	Status int           // answered so, without asking the server
	Header map[string]string
	Body   string
	Cut    bool // the connection ends before the request is passed on
	Lose   bool // the connection ends after the server has answered
}

// Proxy stands between a client and a server, both under test, and sees every HTTP request:
//
//	client ──request──▶ [rule, trap] ──▶ server
//	client ◀──────────── [trap] ◀──answer── server
//	client ◀── [hold back] ◀──────stream── server        watches
//
// What it cannot pass on ends with the client's connection, and what the client gives up ends with the server's, as if
// they were connected directly. All of this is outside of the programs under test: they carry no hooks.
type Proxy struct {
	URL string

	address   string
	tls       *tls.Config // towards the client, nil for plain HTTP
	target    *url.URL
	transport *http.Transport

	mu          sync.Mutex
	server      *http.Server // nil while down
	connections map[net.Conn]bool
	generation  int // of new connections; older ones are dead
	tally       *tally
	rule        func(*Exchange) Verdict
	trap        *Trap
	held        bool
	lag         time.Duration
}

// ProxyAPIServer starts a proxy before the API server. It has the API server's own certificate.
func (cp *ControlPlane) ProxyAPIServer() (*Proxy, error) {
	certificate, err := tls.LoadX509KeyPair(cp.pki.path("apiserver.crt"), cp.pki.path("apiserver.key"))
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(cp.pki.path("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return newProxy(cp.Server, &tls.Config{RootCAs: roots}, &tls.Config{Certificates: []tls.Certificate{certificate}})
}

// ProxyPhalanx starts a proxy before Phalanx's extender.
func ProxyPhalanx(p *Phalanx) (*Proxy, error) { return newProxy(p.URL, nil, nil) }

func newProxy(target string, client, server *tls.Config) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		target: to, tls: server, connections: map[net.Conn]bool{},
		transport: &http.Transport{
			TLSClientConfig: client, MaxIdleConnsPerHost: 512, DisableCompression: true,
			IdleConnTimeout: 30 * time.Second,
		},
	}
	p.Reset()
	p.address = "127.0.0.1:0"
	if err := p.Up(); err != nil {
		return nil, err
	}
	scheme := "http://"
	if server != nil {
		scheme = "https://"
	}
	p.URL = scheme + p.address
	return p, nil
}

type generationKey struct{}

// Up listens again after Down, at the same address.
func (p *Proxy) Up() error {
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.address = listener.Addr().String()
	server := &http.Server{
		Handler:   p,
		ErrorLog:  log.New(io.Discard, "", 0), // broken connections are what this is for
		ConnState: p.connectionState,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			p.mu.Lock()
			defer p.mu.Unlock()
			return context.WithValue(ctx, generationKey{}, p.generation)
		},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1, as Phalanx speaks it
	}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	if p.tls != nil {
		listener = tls.NewListener(listener, p.tls)
	}
	go func() { _ = server.Serve(listener) }()
	return nil
}

// Down ends all connections and refuses new ones.
func (p *Proxy) Down() {
	p.mu.Lock()
	server := p.server
	p.server = nil
	p.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
	p.Sever()
}

// Sever ends all connections. New ones are welcome.
func (p *Proxy) Sever() {
	p.mu.Lock()
	p.generation++
	var dead []net.Conn
	for c := range p.connections {
		dead = append(dead, c)
	}
	p.mu.Unlock()
	for _, c := range dead {
		_ = c.Close()
	}
}

func (p *Proxy) connectionState(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.connections[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(p.connections, c)
	}
}

// Reset begins to count anew, without rule or trap, and lets streams flow.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally, p.rule, p.trap, p.held, p.lag = newTally(), nil, nil, false, 0
}

// Rule lets a function decide about each exchange when its request arrives; nil for none.
func (p *Proxy) Rule(rule func(*Exchange) Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

// HoldStreams keeps back what the server sends on watches, until it is called with false.
func (p *Proxy) HoldStreams(hold bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = hold
}

// DelayStreams passes on what the server sends on watches only after a while.
func (p *Proxy) DelayStreams(lag time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag = lag
}

// Seen is how many requests of a kind have come since Arm or Reset.
func (p *Proxy) Seen(call Call) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally.seen[call]
}

// Slowest is the longest time the server took for an answer of a kind since Arm or Reset.
func (p *Proxy) Slowest(call Call) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally.slowest[call]
}
