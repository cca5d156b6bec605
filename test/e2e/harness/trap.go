// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"time"
)

// Point is a moment in the traffic through a proxy.
//
//	Before the n-th: n-1 exchanges of that kind are complete, the n-th request has come and is not passed on.
//	After the n-th:  n-1 are complete, the server has given the n-th answer, and it is not passed on.
//
// Exchanges of the kind that come later wait, so the number is exact although many are under way at once. Bind calls
// wait for each other inside Phalanx, so for them complete means: handed to Phalanx (before), answered (after).
type Point struct {
	Call   Call
	Number int
	After  bool
}

func (p Point) String() string {
	if p.After {
		return fmt.Sprintf("after %s %d", p.Call, p.Number)
	}
	return fmt.Sprintf("before %s %d", p.Call, p.Number)
}

// Trap does something at a point, once, while the exchange waits.
type Trap struct {
	point  Point
	act    func() error
	cut    bool
	sprung chan struct{}
	err    error // valid once sprung
}

const trapPatience = 20 * time.Second

// Arm sets a trap and begins to count anew. At the point act runs, usually to kill something. With cut all the
// client's connections end then, and nothing that has not been passed on ever is: what the client's death or the
// network's would do. Otherwise traffic goes on when act returns.
func (p *Proxy) Arm(point Point, cut bool, act func() error) *Trap {
	t := &Trap{point: point, act: act, cut: cut, sprung: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally, p.trap = newTally(), t
	return t
}

// Wait returns when the trap has sprung and its act is over.
func (t *Trap) Wait(timeout time.Duration) error {
	select {
	case <-t.sprung:
		return t.err
	case <-time.After(timeout):
		return fmt.Errorf("the point %s was not reached in %s", t.point, timeout)
	}
}

// request is called with each request. It returns, maybe later, whether the request may go on, provided that its
// connection is still there.
func (t *Trap) request(p *Proxy, x *Exchange) bool {
	if t == nil || x.Call != t.point.Call || x.Number < t.point.Number {
		return true
	}
	switch {
	case t.point.After && (x.Number == t.point.Number || x.Call == Bind):
		return true
	case !t.point.After && x.Number == t.point.Number:
		column := x.tally.passed
		if x.Call == Bind {
			column = x.tally.written
		}
		t.spring(p, x, column)
	default:
		return t.hold()
	}
	return true
}

// answer is called with each answer, in the same way.
func (t *Trap) answer(p *Proxy, x *Exchange) bool {
	number := p.count(x, x.tally.answers)
	if t == nil || x.Call != t.point.Call || !t.point.After || number < t.point.Number {
		return true
	}
	if number > t.point.Number {
		return t.hold()
	}
	t.spring(p, x, x.tally.passed)
	return true
}

// hold waits for the point. It gives up when the exchange before it came to nothing.
func (t *Trap) hold() bool {
	select {
	case <-t.sprung:
		return true
	case <-time.After(2 * trapPatience):
		return false
	}
}

// spring acts once the exchanges before this one are complete.
func (t *Trap) spring(p *Proxy, x *Exchange, column map[Call]int) {
	for deadline := time.Now().Add(trapPatience); p.read(x, column) < t.point.Number-1; {
		if time.Now().After(deadline) {
			t.err = fmt.Errorf("%s: %d exchanges were complete, no more", t.point, p.read(x, column))
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := t.act(); err != nil {
		t.err = err
	}
	if t.cut {
		p.Sever()
	}
	close(t.sprung)
}
