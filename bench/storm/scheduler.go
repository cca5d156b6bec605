// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// kube-scheduler's side: filter calls at a steady rate, and the votes of members that are nominated.
type scheduler struct {
	cluster  *cluster
	address  string // of Phalanx
	client   *http.Client
	nodes    []byte // names of the nodes of a full filter call, quoted and joined
	ordinary times
	member   times
	vote     times
	decision times
	placed   int
	refused  int
}

func newScheduler(c *cluster, address string) *scheduler {
	s := &scheduler{cluster: c, address: address, client: &http.Client{
		Timeout:   c.options.patience,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
	}}
	s.ordinary.name = fmt.Sprintf("filter, ordinary pod, %d nodes", c.options.sampled)
	s.member.name = fmt.Sprintf("filter, member of a gang that waits, %d nodes", c.options.sampled)
	s.vote.name = "filter, nominated member, 1 node"
	s.decision.name = "room for a gang to its first nomination"
	var names []string
	step := max(c.options.nodes/c.options.sampled, 1)
	for i := 0; i < c.options.nodes && len(names) < c.options.sampled; i += step {
		names = append(names, `"`+nodeName(i)+`"`)
	}
	s.nodes = []byte(strings.Join(names, ","))
	return s
}

type filterResult struct {
	NodeNames *[]string
	Error     string
}

// filter asks; the time is that from the first byte sent to the last byte read.
func (s *scheduler) filter(pod, nodes []byte, into *times) (*filterResult, error) {
	body := bytes.Join([][]byte{[]byte(`{"Pod":`), pod, []byte(`,"Nodes":null,"NodeNames":[`), nodes, []byte(`]}`)}, nil)
	begin := time.Now()
	response, err := s.client.Post(s.address+"/scheduler/filter", "application/json", bytes.NewReader(body))
	if err != nil {
		into.miss()
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		into.miss()
		return nil, err
	}
	into.add(time.Since(begin))
	var result filterResult
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("filter: %d %s", response.StatusCode, text)
	}
	return &result, json.Unmarshal(text, &result)
}

// schedule asks about ordinary pods and waiting members in turns, one call at a time as kube-scheduler does, until
// stop is closed.
func (s *scheduler) schedule(stop <-chan struct{}) error {
	tick := time.NewTicker(time.Second / time.Duration(s.cluster.options.filters))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
		into := &s.ordinary
		c := s.cluster
		c.Lock()
		p := &pod{namespace: "work", name: fmt.Sprintf("new-%d", i), node: -1, nominated: -1, cpu: 1000}
		p.uid = p.name
		if i%2 == 1 {
			for _, g := range c.groups { // any one
				if g.members[0].node < 0 && g.members[0].nominated < 0 {
					into, p = &s.member, g.members[0]
					break
				}
			}
		}
		object := c.podJSON(nil, p)
		c.Unlock()
		if _, err := s.filter(object, s.nodes, into); err != nil && into.lost > 20 {
			return err
		}
	}
}

// steer votes for a nominated member: filter with its one node, then bind, which waits for the rest of the gang.
func (s *scheduler) steer(p *pod, row int) {
	s.cluster.Lock()
	object := s.cluster.podJSON(nil, p)
	s.cluster.Unlock()
	result, err := s.filter(object, []byte(`"`+nodeName(row)+`"`), &s.vote)
	if err != nil || result.NodeNames == nil || len(*result.NodeNames) != 1 {
		s.cluster.Lock()
		s.refused++
		s.cluster.Unlock()
		return
	}
	body := fmt.Sprintf(`{"PodName":"%s","PodNamespace":"%s","PodUID":"%s","Node":"%s"}`, p.name, p.namespace, p.uid, nodeName(row))
	response, err := s.client.Post(s.address+"/scheduler/bind", "application/json", strings.NewReader(body))
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}
