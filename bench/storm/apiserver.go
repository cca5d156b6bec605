// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serveAPI answers as much of Kubernetes' API as Phalanx asks for: lists in pages, watches, and the writes of members,
// which come back in the watch. The rest is 404.
func serveAPI(c *cluster) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/nodes", c.read(nodeKind))
	mux.HandleFunc("GET /api/v1/pods", c.read(podKind))
	mux.HandleFunc("GET /apis/scheduling.x-k8s.io/v1alpha1/podgroups", c.read(groupKind))
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/pods/{name}/binding", c.bind)
	mux.HandleFunc("PATCH /api/v1/namespaces/{namespace}/pods/{name}/status", c.patch)
	mux.HandleFunc("PATCH /api/v1/namespaces/{namespace}/pods/{name}", c.patch)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/events", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{}`)
	})
	go func() { _ = http.Serve(listener, mux) }()
	return "http://" + listener.Addr().String(), nil
}

func (c *cluster) read(k kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "true" {
			c.watch(w, r, k)
		} else {
			c.list(w, r, k)
		}
	}
}

// What a list consists of, in a fixed order; the version counts for all pages.
func (c *cluster) items(k kind) (count int, write func(b []byte, i int) []byte) {
	switch k {
	case nodeKind:
		return len(c.nodes), c.nodeJSON
	case podKind:
		living := make([]*pod, 0, len(c.pods)+len(c.members))
		for _, p := range c.pods {
			if p.alive {
				living = append(living, p)
			}
		}
		members := make([]*pod, 0, len(c.members))
		for _, p := range c.members {
			members = append(members, p)
		}
		slices.SortFunc(members, func(a, b *pod) int { return strings.Compare(a.name, b.name) })
		living = append(living, members...)
		return len(living), func(b []byte, i int) []byte { return c.podJSON(b, living[i]) }
	default:
		groups := make([]*group, 0, len(c.groups))
		for _, g := range c.groups {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b *group) int { return strings.Compare(a.name, b.name) })
		return len(groups), func(b []byte, i int) []byte { return c.groupJSON(b, groups[i]) }
	}
}

func (c *cluster) list(w http.ResponseWriter, r *http.Request, k kind) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	c.Lock()
	count, write := c.items(k)
	end := count
	if limit > 0 && from+limit < count {
		end = from + limit
	}
	resume := ""
	if end < count {
		resume = strconv.Itoa(end)
	}
	b := fmt.Appendf(nil, `{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"%d","continue":"%s"},"items":[`, c.version, resume)
	for i := from; i < end; i++ {
		if i > from {
			b = append(b, ',')
		}
		b = write(b, i)
	}
	c.Unlock()
	b = append(b, `]}`...)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

func (c *cluster) watch(w http.ResponseWriter, r *http.Request, k kind) {
	version, _ := strconv.ParseInt(r.URL.Query().Get("resourceVersion"), 10, 64)
	l := c.logs[k]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	out := bufio.NewWriterSize(w, 1<<20)
	l.Lock()
	next, _ := slices.BinarySearchFunc(l.events, version+1, func(e watchEvent, v int64) int { return int(e.version - v) })
	for {
		for next == len(l.events) && !l.closed {
			l.wake.Wait()
		}
		if l.closed {
			l.Unlock()
			return
		}
		portion := l.events[next:]
		next = len(l.events)
		l.Unlock()
		for _, event := range portion {
			if _, err := out.Write(event.line); err != nil {
				return
			}
		}
		if out.Flush() != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		l.Lock()
	}
}

// member finds the pod of a write, with the lock held when it is there.
func (c *cluster) member(w http.ResponseWriter, r *http.Request) *pod {
	c.Lock()
	p := c.members[r.PathValue("namespace")+"/"+r.PathValue("name")]
	if p == nil {
		c.Unlock()
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"kind":"Status","message":"there is no such pod"}`)
	}
	return p
}

func (c *cluster) bind(w http.ResponseWriter, r *http.Request) {
	var binding struct {
		Target struct{ Name string }
	}
	if json.NewDecoder(r.Body).Decode(&binding) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if p := c.member(w, r); p != nil {
		p.node, _ = strconv.Atoi(strings.TrimPrefix(binding.Target.Name, "n"))
		p.nominated = -1
		c.tellPod("MODIFIED", p)
		c.changed(p)
		c.Unlock()
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"kind":"Status","status":"Success"}`)
	}
}

func (c *cluster) patch(w http.ResponseWriter, r *http.Request) {
	var patch struct {
		Status *struct{ NominatedNodeName *string }
	}
	if json.NewDecoder(r.Body).Decode(&patch) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if p := c.member(w, r); p != nil {
		if patch.Status != nil {
			p.nominated = -1
			if patch.Status.NominatedNodeName != nil {
				p.nominated, _ = strconv.Atoi(strings.TrimPrefix(*patch.Status.NominatedNodeName, "n"))
			}
			c.tellPod("MODIFIED", p)
			c.changed(p)
		}
		c.Unlock()
		fmt.Fprint(w, `{}`)
	}
}

// close ends all watches.
func (c *cluster) close() {
	for _, l := range c.logs {
		l.Lock()
		l.closed = true
		l.wake.Broadcast()
		l.Unlock()
	}
	time.Sleep(10 * time.Millisecond)
}
