// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"time"
)

// What happens in the cluster while it is measured, from one seed:
//
//	of 20 events  8  a pod's status changes in a way that nobody reads
//	              4  a node's heartbeat
//	              1  a node's label that is no level
//	              4  a pod of CPUs goes, or comes back
//	              3  a pod of 4 GPUs goes, or comes back: room that helps no gang
//	now and then     all pods of GPUs go from as many nodes of one leaf as one gang needs; the gang that gets them is
//	                 bound, ends after a while, the pods come back, and another gang of its shape takes its place
type storm struct {
	cluster   *cluster
	scheduler *scheduler
	random    *rand.Rand
	told      int
	gone      [2][]int // pods that are gone, by what they had: CPUs, GPUs
	emptied   map[int]bool
	freed     time.Time // when room was made that no nomination has answered yet
	next      int       // number of the next gang
	ended     chan *group
	steered   map[*pod]int
}

func newStorm(c *cluster, s *scheduler) *storm {
	t := &storm{
		cluster: c, scheduler: s, random: rand.New(rand.NewPCG(c.options.seed, 0)), emptied: map[int]bool{},
		next: c.options.gangs, ended: make(chan *group, 1000), steered: map[*pod]int{},
	}
	c.changed = t.changed
	return t
}

// changed hears of nominations and bindings of members, under the lock.
func (t *storm) changed(p *pod) {
	switch {
	case p.node >= 0:
		delete(t.steered, p)
		for _, other := range p.group.members {
			if other.node < 0 {
				return
			}
		}
		t.scheduler.placed++
		time.AfterFunc(t.cluster.options.life, func() { t.ended <- p.group })
	case p.nominated >= 0:
		if !t.freed.IsZero() {
			t.scheduler.decision.add(time.Since(t.freed))
			t.freed = time.Time{}
		}
		if row, there := t.steered[p]; !there || row != p.nominated {
			t.steered[p] = p.nominated
			go t.scheduler.steer(p, p.nominated)
		}
	default:
		delete(t.steered, p)
	}
}

// run makes events at the rate until stop is closed.
func (t *storm) run(stop <-chan struct{}) {
	options := t.cluster.options
	const slice = 5 * time.Millisecond
	tick := time.NewTicker(slice)
	defer tick.Stop()
	begin, lastRoom := time.Now(), time.Now()
	for {
		select {
		case <-stop:
			return
		case g := <-t.ended:
			t.cluster.Lock()
			t.end(g)
			t.cluster.Unlock()
		case <-tick.C:
		}
		due := int(time.Since(begin).Seconds() * float64(options.events))
		t.cluster.Lock()
		for t.told < due {
			t.happen()
			t.told++
		}
		if time.Since(lastRoom) >= options.every {
			t.makeRoom()
			lastRoom = time.Now()
		}
		t.cluster.Unlock()
	}
}

func (t *storm) happen() {
	c := t.cluster
	switch what := t.random.IntN(20); {
	case what < 8:
		p := c.pods[t.random.IntN(len(c.pods))]
		if p.alive {
			p.beat++
			c.tellPod("MODIFIED", p)
		}
	case what < 12:
		row := t.random.IntN(len(c.nodes))
		c.nodes[row].beat++
		c.tellNode(row)
	case what < 13:
		row := t.random.IntN(len(c.nodes))
		c.nodes[row].label++
		c.tellNode(row)
	case what < 17:
		t.replace(0)
	default:
		t.replace(1)
	}
}

// replace has a pod of the sort go, or one that is gone come back as another one.
func (t *storm) replace(sort int) {
	gone := t.gone[sort]
	if len(gone) > 20 || (len(gone) > 0 && t.random.IntN(2) == 0) {
		i := t.random.IntN(len(gone))
		t.gone[sort] = append(gone[:i:i], gone[i+1:]...)
		t.revive(t.cluster.pods[gone[i]])
		return
	}
	perNode := t.cluster.options.pods / t.cluster.options.nodes
	row := t.random.IntN(len(t.cluster.nodes))
	k := t.random.IntN(fillPods)
	if sort == 0 {
		k = fillPods + t.random.IntN(perNode-fillPods)
	}
	index := row*perNode + k
	if p := t.cluster.pods[index]; p.alive && !t.emptied[row] {
		t.kill(p)
		t.gone[sort] = append(t.gone[sort], index)
	}
}

func (t *storm) kill(p *pod) {
	t.cluster.tellPod("DELETED", p)
	p.alive = false
}

func (t *storm) revive(p *pod) {
	p.alive = true
	p.beat++
	p.uid += "'"
	if len(p.uid) > 60 {
		p.uid = p.name + "-1"
	}
	t.cluster.tellPod("ADDED", p)
}

// makeRoom frees nodes of one leaf for one gang, in one go.
func (t *storm) makeRoom() {
	const leaf = 18 * 8
	options := t.cluster.options
	perNode := options.pods / options.nodes
	from := t.random.IntN(max(len(t.cluster.nodes)/leaf, 1)) * leaf
	var rows []int
	for row := from; row < min(from+leaf, len(t.cluster.nodes)) && len(rows) < options.members; row++ {
		whole := !t.emptied[row]
		for k := range fillPods {
			whole = whole && t.cluster.pods[row*perNode+k].alive
		}
		if whole {
			rows = append(rows, row)
		}
	}
	if len(rows) < options.members {
		return
	}
	for _, row := range rows {
		t.emptied[row] = true
		for k := range fillPods {
			t.kill(t.cluster.pods[row*perNode+k])
		}
	}
	t.freed = time.Now()
}

// end has a gang go and the pods that were there before it come back; a gang of its shape takes its place.
func (t *storm) end(g *group) {
	c := t.cluster
	perNode := c.options.pods / c.options.nodes
	for _, p := range g.members {
		c.tellPod("DELETED", p)
		delete(c.members, p.namespace+"/"+p.name)
		row := p.node
		if t.emptied[row] {
			delete(t.emptied, row)
			for k := range fillPods {
				t.revive(c.pods[row*perNode+k])
			}
		}
	}
	delete(c.groups, g.name)
	g.version = c.next()
	c.tell(groupKind, "DELETED", g.version, c.groupJSON(nil, g))
	c.newGang(t.next*c.options.shapes + g.shape)
	t.next++
}
