// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// recoveryTime is how long a gang may take to become whole after its destroyer is done: kube-scheduler backs off for
// up to 10 s, and a client whose server was away for as long.
const recoveryTime = 60 * time.Second

// A killPoint is a moment in the life of a gang of n at which something is killed.
type killPoint struct {
	extender bool // seen between kube-scheduler and Phalanx, else between Phalanx and the API server
	call     harness.Call
	number   func(n int) int
	after    bool
	bound    func(n int) int // members bound at that moment, nil where that is not fixed
}

func first(int) int           { return 1 }
func half(n int) int          { return n / 2 }
func threeQuarters(n int) int { return n * 3 / 4 }
func all(n int) int           { return n }
func allButOne(n int) int     { return n - 1 }
func none(int) int            { return 0 }

func (p killPoint) at(n int) harness.Point {
	return harness.Point{Call: p.call, Number: p.number(n), After: p.after}
}

// phalanxPoints follow the life of a gang whose last pod has just been created.
var phalanxPoints = []killPoint{
	// The plan: nominations are what an observer can see of it.
	{call: harness.Nomination, number: first, bound: none},
	{call: harness.Nomination, number: first, after: true, bound: none},
	{call: harness.Nomination, number: half, after: true},
	{call: harness.Nomination, number: threeQuarters, after: true}, // pods wake each other: some may not need theirs
	// The votes.
	{extender: true, call: harness.Filter, number: first, bound: none},
	{extender: true, call: harness.Filter, number: first, after: true, bound: none},
	{extender: true, call: harness.Filter, number: half, after: true, bound: none},
	{extender: true, call: harness.Filter, number: all, after: true, bound: none},
	{extender: true, call: harness.Bind, number: first, bound: none},
	{extender: true, call: harness.Bind, number: half, bound: none},
	{extender: true, call: harness.Bind, number: all, bound: none},
	// The commit.
	{call: harness.Binding, number: first, bound: none},
	{call: harness.Binding, number: first, after: true, bound: first},
	{call: harness.Binding, number: half, after: true, bound: half},
	{call: harness.Binding, number: all, bound: allButOne},
	{call: harness.Binding, number: all, after: true, bound: all},
	// The answers.
	{extender: true, call: harness.Bind, number: first, after: true},
	{extender: true, call: harness.Bind, number: all, after: true, bound: all},
}

// TestKill kills Phalanx, kube-scheduler and the API server at every point of a gang's way. Afterwards the gang is
// whole, or absent because another one has its place; it becomes so without operator action; and no node is overbooked at any
// event of the watch.
func TestKill(t *testing.T) {
	i := intercept(t, nil)
	for _, n := range []int{8, 64} {
		t.Run(fmt.Sprintf("GangOf%d", n), func(t *testing.T) {
			s := newScene(t, i.scheduler, harness.Racks(8, rackNames(n/8)...))
			s.troubleExpected = true
			s.observer.Tolerate(recoveryTime)
			t.Cleanup(func() { s.observer.Tolerate(0) })
			k := &killing{intercepted: i, scene: s, n: n}
			for _, series := range k.all() {
				t.Run(series.victim, func(t *testing.T) {
					k.times = nil
					for _, point := range series.points {
						k.at(t, point, series.blow)
					}
					t.Logf("%d points: from the mending to the last binding: %s", len(k.times), spread(k.times))
				})
			}
		})
	}
}

func rackNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("rack-%02d", i))
	}
	return names
}

// killing is a scene with room for just one gang of n, used for one point after the other.
type killing struct {
	*intercepted
	*scene
	n      int
	rounds int
	times  []time.Duration
}

// A blow is what happens at a point, and afterwards.
type blow struct {
	strike func() error // while the exchange waits
	cut    bool         // the client of that exchange, or its connection, is gone then
	mend   func() error // what a kubelet, or time, would do
	blind  bool         // in between the API server does not answer the test either
}

type series struct {
	victim string
	points []killPoint
	blow   blow
}

func (k *killing) all() []series {
	kill := func(p *harness.Process) func() error {
		return func() error {
			p.Kill()
			return nil
		}
	}
	restart := func() error {
		if err := k.scene.cp.APIServer.Start(); err != nil {
			return err
		}
		return k.scene.cp.WaitAPIServer(k.Context())
	}
	thaw := func(after time.Duration) func() error {
		return func() error {
			time.Sleep(after)
			if err := k.scene.cp.APIServer.Thaw(); err != nil {
				return err
			}
			return k.scene.cp.WaitAPIServer(k.Context())
		}
	}
	return []series{
		{"Phalanx", phalanxPoints, blow{strike: kill(k.phalanx.Process), cut: true, mend: k.phalanx.Start}},
		{"SchedulerWhileMembersVote", []killPoint{
			{extender: true, call: harness.Filter, number: half, bound: none},
			{extender: true, call: harness.Bind, number: half, bound: none},
			{extender: true, call: harness.Bind, number: first, after: true},
		}, blow{strike: kill(k.intercepted.scheduler.Process), cut: true, mend: k.intercepted.scheduler.Start}},
		{"SchedulerDuringTheCommit", []killPoint{
			{call: harness.Binding, number: half, bound: allBefore(half)},
		}, blow{strike: kill(k.intercepted.scheduler.Process), mend: k.intercepted.scheduler.Start}},
		{"ConnectionToTheAPIServer", []killPoint{
			{call: harness.Nomination, number: first, bound: none},
			{call: harness.Binding, number: first, bound: none},
			{call: harness.Binding, number: half, after: true, bound: half},
		}, blow{
			strike: func() error { k.api.Down(); return nil }, cut: true,
			mend: func() error { time.Sleep(3 * time.Second); return k.api.Up() },
		}},
		{"APIServerKilled", []killPoint{{call: harness.Binding, number: half, after: true, bound: half}},
			blow{strike: kill(k.scene.cp.APIServer), mend: restart, blind: true}},
		{"APIServerFrozen", []killPoint{{call: harness.Binding, number: half, bound: allBefore(half)}},
			blow{strike: k.scene.cp.APIServer.Freeze, mend: thaw(12 * time.Second), blind: true}},
		// Bindings that a dead Phalanx has sent are carried out after the next one has begun.
		{"PhalanxWhileTheAPIServerIsFrozen", []killPoint{{call: harness.Binding, number: half, bound: allBefore(half)}},
			blow{strike: k.scene.cp.APIServer.Freeze, blind: true, mend: func() error {
				time.Sleep(300 * time.Millisecond)
				k.phalanx.Kill()
				if err := k.phalanx.Start(); err != nil {
					return err
				}
				return thaw(500 * time.Millisecond)()
			}}},
	}
}

func allBefore(number func(int) int) func(int) int {
	return func(n int) int { return number(n) - 1 }
}

// at brings a gang to the point, strikes, lets a rival for the same place come, mends, and wants to see one of the two
// whole and then, when that is gone, the other one (small gangs only, for the time it takes).
func (k *killing) at(t *testing.T, point killPoint, blow blow) {
	t.Run(strings.ReplaceAll(point.at(k.n).String(), " ", "-"), func(t *testing.T) {
		s := *k.scene
		s.T = t
		k.rounds++
		gang, rival := fmt.Sprintf("gang-%d", k.rounds), fmt.Sprintf("rival-%d", k.rounds)
		defer func() { // no Cleanup: that comes after the end of t's context
			if t.Failed() {
				s.dump()
			}
			s.deleteGangs(gang, rival)
			for _, violation := range s.observer.Violations() {
				t.Error(violation)
			}
			s.observer.Forget()
		}()
		k.reset(&s)
		s.createAllButOne(gang, k.n)
		proxy := k.api
		if point.extender {
			proxy = k.extender
		}
		bound := 0
		count := func() (err error) {
			if bound, err = s.bound(gang); err == nil && point.bound != nil && bound != point.bound(k.n) {
				err = fmt.Errorf("%d members were bound at that point, want %d", bound, point.bound(k.n))
			}
			return err
		}
		trap := proxy.Arm(point.at(k.n), blow.cut, func() error {
			if blow.cut {
				return blow.strike() // nothing gets bound after it
			}
			return errors.Join(count(), blow.strike())
		})
		s.createMember(gang, k.n-1)
		s.must(trap.Wait(30 * time.Second))
		if blow.cut {
			s.must(count())
		}
		if !blow.blind {
			s.createGang(rival, k.n)
		}
		s.must(blow.mend())
		mended := time.Now()
		if blow.blind {
			s.createGang(rival, k.n)
		}
		winner := s.waitWhole(recoveryTime, k.n, gang, rival)
		took := time.Since(mended)
		k.times = append(k.times, took)
		if bound > 0 && winner != gang {
			t.Errorf("%d members of the first gang were bound, but %s got the place", bound, winner)
		}
		t.Logf("%d bound at that point; %s whole after %.2f s", bound, winner, took.Seconds())
		loser := map[string]string{gang: rival, rival: gang}[winner]
		if k.n > 8 {
			s.deleteGangs(loser) // before there is room for it: we would delete it in the middle of its commit
			return
		}
		s.deleteGangs(winner)
		second := time.Now()
		s.waitWhole(recoveryTime, k.n, loser)
		t.Logf("%s whole %.2f s after that was gone", loser, time.Since(second).Seconds())
	})
}
