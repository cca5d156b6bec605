// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
)

// callOf tells what a request is about.
func callOf(r *http.Request, body []byte) Call {
	path := r.URL.Path
	if rest, found := strings.CutPrefix(path, "/scheduler/"); found {
		return Call(rest)
	}
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/binding"):
		return Binding
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/events"):
		return Event
	case r.Method == http.MethodPatch && bytes.Contains(body, []byte(`"nominatedNodeName":null`)):
		return Withdrawal
	case r.Method == http.MethodPatch && bytes.Contains(body, []byte(`"nominatedNodeName"`)):
		return Nomination
	case r.Method == http.MethodPatch && bytes.Contains(body, []byte(`"phalanx.dev/waiting"`)):
		return Explanation
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") == "true":
		return Watch
	case r.Method == http.MethodGet && strings.Contains(path, "/pods/"):
		return Look
	case r.Method == http.MethodGet && r.URL.Query().Has("limit"):
		return List
	}
	return Other
}

// ServeHTTP handles one exchange. A panic with http.ErrAbortHandler ends the client's connection without an answer.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x, rule, trap := p.admit(r, body)
	verdict := Verdict{}
	if rule != nil {
		verdict = rule(x)
	}
	select {
	case <-time.After(verdict.Delay):
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	if verdict.Cut || !trap.request(p, x) || !p.alive(x) {
		panic(http.ErrAbortHandler)
	}
	if verdict.Status != 0 {
		refuse(w, verdict)
		return
	}
	response, err := p.forward(r, x, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	if x.Call == Watch {
		copyHeader(w, response)
		p.stream(w, r, response.Body)
		return
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil || verdict.Lose || !trap.answer(p, x) || !p.alive(x) {
		panic(http.ErrAbortHandler)
	}
	copyHeader(w, response)
	_, _ = w.Write(answer)
	_ = http.NewResponseController(w).Flush()
	p.count(x, x.tally.passed)
}

func (p *Proxy) admit(r *http.Request, body []byte) (*Exchange, func(*Exchange) Verdict, *Trap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := &Exchange{Call: callOf(r, body), Path: r.URL.Path, tally: p.tally, start: time.Now()}
	x.generation, _ = r.Context().Value(generationKey{}).(int)
	p.tally.seen[x.Call]++
	x.Number = p.tally.seen[x.Call]
	return x, p.rule, p.trap
}

// alive tells whether the exchange's connection has not been severed.
func (p *Proxy) alive(x *Exchange) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return x.generation == p.generation
}

// count adds the exchange to one of its tally's columns and returns which one it is there.
func (p *Proxy) count(x *Exchange, column map[Call]int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	column[x.Call]++
	return column[x.Call]
}

func (p *Proxy) read(x *Exchange, column map[Call]int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return column[x.Call]
}

func (p *Proxy) forward(r *http.Request, x *Exchange, body []byte) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { p.count(x, x.tally.written) },
	})
	to := *r.URL
	to.Scheme, to.Host = p.target.Scheme, p.target.Host
	request, err := http.NewRequestWithContext(ctx, r.Method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = r.Header.Clone()
	sent := time.Now()
	response, err := p.transport.RoundTrip(request)
	p.mu.Lock()
	defer p.mu.Unlock()
	x.tally.slowest[x.Call] = max(x.tally.slowest[x.Call], time.Since(sent))
	return response, err
}

func copyHeader(w http.ResponseWriter, response *http.Response) {
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
}

func refuse(w http.ResponseWriter, verdict Verdict) {
	for name, value := range verdict.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(verdict.Status)
	_, _ = io.WriteString(w, verdict.Body)
}

// chunk is what came at once on a stream.
type chunk struct {
	at   time.Time
	data []byte
}

// stream passes on a watch. What the proxy holds back it keeps itself: the server does not notice.
func (p *Proxy) stream(w http.ResponseWriter, r *http.Request, from io.Reader) {
	controller := http.NewResponseController(w)
	_ = controller.Flush()
	const plenty = 1 << 16
	queue := make(chan chunk, plenty)
	go func() {
		defer close(queue)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				queue <- chunk{time.Now(), buffer[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range queue {
		for p.holdsBack(c) {
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-time.After(10 * time.Millisecond):
			}
		}
		if _, err := w.Write(c.data); err != nil {
			panic(http.ErrAbortHandler)
		}
		_ = controller.Flush()
	}
}

func (p *Proxy) holdsBack(c chunk) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held || time.Since(c.at) < p.lag
}
