// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"sync"
)

// The cluster of the benchmark, and what happens in it, as the API server's objects.
//
//	node      8 GPUs; 18 nodes a rack, 8 racks a leaf, 4 leaves a spine
//	          2 pods of 4 GPUs each, so that none is free, and as many pods of CPUs as are left
//	gang      a PodGroup and its pods of 8 GPUs each; their CPUs make the shape
//
// All of it is under one lock: the watch has to tell things in the order in which they happened.
type cluster struct {
	sync.Mutex
	options options
	nodes   []node
	pods    []*pod          // of the nodes, dead ones too: they come back
	members map[string]*pod // pods of gangs, by "namespace/name"
	groups  map[string]*group
	version int64
	logs    [3]*eventLog // by kind
	changed func(*pod)   // called under the lock when a member's nomination or binding changed
}

type kind int

const (
	nodeKind kind = iota
	podKind
	groupKind
)

type node struct {
	version int64
	beat    int // heartbeats so far
	label   int // the value of a label nobody reads
}

type pod struct {
	namespace, name, uid string
	node                 int // row, or -1
	nominated            int // row, or -1
	gpus, cpu            int // GPUs, thousandths of a CPU
	group                *group
	version              int64
	beat                 int
	alive                bool
}

type group struct {
	name    string
	shape   int
	members []*pod
	version int64
}

// The events of one kind in their order; a watch reads along.
type eventLog struct {
	sync.Mutex
	wake   *sync.Cond
	events []watchEvent
	closed bool
}

type watchEvent struct {
	version int64
	line    []byte
}

const (
	gpusPerNode = 8
	fillPods    = 2 // pods of gpusPerNode/fillPods GPUs on every node
	namespace   = "train"
)

func newCluster(o options) *cluster {
	c := &cluster{
		options: o, nodes: make([]node, o.nodes), members: map[string]*pod{}, groups: map[string]*group{}, version: 1000,
		changed: func(*pod) {},
	}
	for i := range c.logs {
		c.logs[i] = &eventLog{}
		c.logs[i].wake = sync.NewCond(c.logs[i])
	}
	for i := range c.nodes {
		c.nodes[i].version = c.next()
	}
	perNode := o.pods / o.nodes
	for i := range o.nodes {
		for k := range perNode {
			p := &pod{namespace: "work", name: fmt.Sprintf("w-%d-%d", i, k), node: i, nominated: -1, cpu: 1000, alive: true}
			if k < fillPods {
				p.gpus = gpusPerNode / fillPods
			}
			p.uid = p.name + "-0"
			p.version = c.next()
			c.pods = append(c.pods, p)
		}
	}
	return c
}

func (c *cluster) next() int64 {
	c.version++
	return c.version
}

// newGang adds a gang that waits; the events are told.
func (c *cluster) newGang(number int) *group {
	g := &group{name: fmt.Sprintf("gang-%d", number), shape: number % c.options.shapes, version: c.next()}
	c.groups[g.name] = g
	c.tell(groupKind, "ADDED", g.version, c.groupJSON(nil, g))
	for i := range c.options.members {
		p := &pod{
			namespace: namespace, name: fmt.Sprintf("%s-%d", g.name, i), node: -1, nominated: -1, gpus: gpusPerNode,
			cpu: 8000 + 10*g.shape, group: g, alive: true, version: c.next(),
		}
		p.uid = p.name
		g.members = append(g.members, p)
		c.members[p.namespace+"/"+p.name] = p
		c.tell(podKind, "ADDED", p.version, c.podJSON(nil, p))
	}
	return g
}

// tell appends to the log of a kind. The lock of the cluster is held.
func (c *cluster) tell(k kind, what string, version int64, object []byte) {
	line := make([]byte, 0, len(object)+40)
	line = append(line, `{"type":"`...)
	line = append(line, what...)
	line = append(line, `","object":`...)
	line = append(line, object...)
	line = append(line, '}', '\n')
	l := c.logs[k]
	l.Lock()
	l.events = append(l.events, watchEvent{version, line})
	l.wake.Broadcast()
	l.Unlock()
}

func (c *cluster) tellPod(what string, p *pod) {
	p.version = c.next()
	c.tell(podKind, what, p.version, c.podJSON(nil, p))
}

func (c *cluster) tellNode(row int) {
	c.nodes[row].version = c.next()
	c.tell(nodeKind, "MODIFIED", c.nodes[row].version, c.nodeJSON(nil, row))
}

// ---- as JSON ----

func nodeName(row int) string { return "n" + strconv.Itoa(row) }

func (c *cluster) nodeJSON(b []byte, row int) []byte {
	n := &c.nodes[row]
	rack := row / 18
	return fmt.Appendf(b, `{"metadata":{"name":"n%d","uid":"n%d","resourceVersion":"%d","labels":{"kubernetes.io/arch":"amd64",`+
		`"kubernetes.io/hostname":"n%d","kubernetes.io/os":"linux","topology.kubernetes.io/rack":"r%d",`+
		`"fabric.topograph.run/tier-2":"l%d","fabric.topograph.run/tier-1":"s%d","example.com/note":"v%d"}},"spec":{"podCIDR":"10.0.0.0/24"},`+
		`"status":{"capacity":{"cpu":"128","memory":"2113563256Ki","pods":"110","nvidia.com/gpu":"8"},"allocatable":{"cpu":"128",`+
		`"memory":"2113460856Ki","pods":"110","nvidia.com/gpu":"8"},"conditions":[{"type":"MemoryPressure","status":"False","beat":%d},`+
		`{"type":"Ready","status":"True","reason":"KubeletReady","beat":%d}],"nodeInfo":{"kubeletVersion":"v1.36.3"}}}`,
		row, row, n.version, row, rack, rack/8, rack/32, n.label, n.beat, n.beat)
}

func (c *cluster) podJSON(b []byte, p *pod) []byte {
	b = fmt.Appendf(b, `{"metadata":{"name":"%s","namespace":"%s","uid":"%s","resourceVersion":"%d","labels":{"app":"storm"`,
		p.name, p.namespace, p.uid, p.version)
	if p.group != nil {
		b = fmt.Appendf(b, `,"scheduling.x-k8s.io/pod-group":"%s"`, p.group.name)
	}
	b = append(b, `}},"spec":{"schedulerName":"default-scheduler","restartPolicy":"Always","serviceAccountName":"default",`...)
	if p.node >= 0 {
		b = fmt.Appendf(b, `"nodeName":"n%d",`, p.node)
	}
	b = fmt.Appendf(b, `"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},`+
		`{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],`+
		`"containers":[{"name":"main","image":"registry.example.com/train:1","resources":{"requests":{"cpu":"%dm","memory":"2Gi"`, p.cpu)
	if p.gpus > 0 {
		b = fmt.Appendf(b, `,"nvidia.com/gpu":"%d"},"limits":{"nvidia.com/gpu":"%d"`, p.gpus, p.gpus)
	}
	b = append(b, `}}}]},"status":{`...)
	if p.nominated >= 0 {
		b = fmt.Appendf(b, `"nominatedNodeName":"n%d",`, p.nominated)
	}
	phase := "Pending"
	if p.node >= 0 {
		phase = "Running"
	}
	return fmt.Appendf(b, `"phase":"%s","qosClass":"Burstable","conditions":[{"type":"Ready","status":"True","beat":%d}]}}`, phase, p.beat)
}

func (c *cluster) groupJSON(b []byte, g *group) []byte {
	return fmt.Appendf(b, `{"metadata":{"name":"%s","namespace":"%s","uid":"g-%s","resourceVersion":"%d"},"spec":{"minMember":%d}}`,
		g.name, namespace, g.name, g.version, c.options.members)
}
