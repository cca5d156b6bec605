// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// TestGang holds Phalanx to its promises, on a stock kube-scheduler.
func TestGang(t *testing.T) {
	needPhalanx(t)
	scheduler := cluster.scheduler

	t.Run("BoundInOneRackAlthoughTheEmptiestNodesAreApart", func(t *testing.T) {
		s := newScene(t, scheduler, emptiestNodesApartNodes())
		emptiestNodesApart(s)
		s.createGang("gang", 4)
		members := s.waitBound("gang", 4, 30*time.Second)
		if found := racks(members); found["rack-a"] != 4 {
			t.Errorf("the gang is spread over %v, all four fit into rack-a", found)
		}
	})

	t.Run("OneNodeTooLarge", testOneNodeTooLarge)
	t.Run("TwoGangsOfSixtyPercent", testTwoGangs)

	t.Run("PodsWithoutGangBindWhileAGangWaits", func(t *testing.T) {
		s := newScene(t, scheduler, harness.Racks(4, "rack-a", "rack-b"))
		s.createGang("gang", 9)
		start := time.Now()
		for i := range 200 {
			s.createPod(harness.Pod{Name: fmt.Sprintf("plain-%03d", i)})
		}
		s.waitFor(time.Minute, "all 200 pods are bound", func() error {
			plain := s.observer.Pods(s.namespace, func(p *harness.PodRecord) bool { return p.Gang == "" })
			if n := countBound(plain); n != 200 {
				return fmt.Errorf("%d of 200 are bound", n)
			}
			return nil
		})
		t.Logf("200 pods created and bound in %.1f s", time.Since(start).Seconds())
		s.neverBound("gang", time.Second)
	})

	t.Run("LastPodTenSecondsLate", func(t *testing.T) {
		s := newScene(t, scheduler, harness.Racks(4, "rack-a", "rack-b"))
		member := func(i int) harness.Pod {
			return harness.Pod{Name: fmt.Sprintf("late-%d", i), Light: "late", Minimum: 4, GPUs: 8}
		}
		for i := range 3 {
			s.createPod(member(i))
		}
		s.neverBound("late", 10*time.Second)
		s.createPod(member(3))
		s.waitBound("late", 4, 15*time.Second)
	})

	t.Run("RanksCrossTheRackBoundaryOnce", func(t *testing.T) {
		s := newScene(t, scheduler, harness.Racks(4, "rack-a", "rack-b", "rack-c"))
		s.fill(8, "8", "rack-b-n1")
		s.must(s.cp.CreatePodGroup(t.Context(), s.namespace, "ring", 8))
		s.must(s.cp.CreateIndexedJob(t.Context(), s.namespace, "ring", "ring", 8))
		members := s.waitBound("ring", 8, 30*time.Second)
		slices.SortFunc(members, func(a, b *harness.PodRecord) int { return a.Index - b.Index })
		crossings, nodes := 0, []string{}
		for i, p := range members {
			nodes = append(nodes, p.Node)
			if i > 0 && rackOf(p.Node) != rackOf(members[i-1].Node) {
				crossings++
			}
		}
		if found := racks(members); len(found) != 2 || crossings != 1 {
			t.Errorf("in order of their ranks the pods are on %v: %d crossings, want the two whole racks and one crossing",
				nodes, crossings)
		}
	})

	t.Run("ThousandMembersOnMoreNodesThanTheSchedulerLooksAt", func(t *testing.T) {
		// Of 150 nodes kube-scheduler offers an extender 100 at a time, others at every turn.
		var names []string
		for i := range 10 {
			names = append(names, fmt.Sprintf("rack-%02d", i))
		}
		s := newScene(t, scheduler, harness.Racks(15, names...))
		s.must(s.cp.CreatePodGroup(t.Context(), s.namespace, "large", 1000))
		var pods []harness.Pod
		for i := range 1000 {
			pods = append(pods, harness.Pod{Name: fmt.Sprintf("large-%04d", i), Group: "large", GPUs: 1})
		}
		s.must(s.cp.CreatePods(t.Context(), s.namespace, pods))
		s.waitBound("large", 1000, 90*time.Second)
	})

	t.Run("SchedulerLogShowsNoExtenderError", func(t *testing.T) {
		reportTrouble(t, scheduler.ExtenderTrouble(0))
		for _, crash := range scheduler.Crashes() {
			t.Error(crash)
		}
	})
}

// shortByOne is how a refusal must read: how many are missing, and at which level.
var (
	shortByOne = regexp.MustCompile(`(?i)\bshort by 1\b`)
	aLevel     = regexp.MustCompile(`(?i)\b(cluster|region|zone|core|spine|leaf|block|rack|nvlink|node|host)s?\b`)
)

// testOneNodeTooLarge: seven free nodes, a gang of eight, and one other pod in the way.
func testOneNodeTooLarge(t *testing.T) {
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b"))
	s.fill(8, "8", "rack-b-n3")
	s.createGang("gang", 8)

	explained := t.Run("NothingIsBoundAndEveryPodSaysWhy", func(t *testing.T) {
		s.neverBound("gang", 30*time.Second)
		for _, p := range s.observer.Gang(s.namespace, "gang") {
			if p.Reason != "Unschedulable" || !shortByOne.MatchString(p.Message()) || !aLevel.MatchString(p.Message()) {
				t.Errorf("%s: PodScheduled is %s %q, want Unschedulable, a level and %q", p.Name, p.Reason, p.Message(), shortByOne)
			}
			if !anyMatches(shortByOne, s.eventNotes(p.Name)) {
				t.Errorf("%s: no event says %q: %q", p.Name, shortByOne, s.eventNotes(p.Name))
			}
		}
	})

	t.Run("TheReasonStaysTheSame", func(t *testing.T) {
		var all string
		for _, p := range s.observer.Gang(s.namespace, "gang") {
			for i, message := range p.Messages {
				if all == "" && shortByOne.MatchString(message) {
					all = message
				}
				// Before the gang is complete a pod may say so; after that there is one reason, for all.
				if i > 0 && shortByOne.MatchString(p.Messages[i-1]) || shortByOne.MatchString(message) && message != all {
					t.Errorf("%s changed its reason: %q", p.Name, p.Messages)
					break
				}
			}
		}
		t.Logf("the reason: %s", all)
	})

	t.Run("BoundWithoutATouchOnceTheBlockerIsGone", func(t *testing.T) {
		if !explained {
			t.Log("the gang was not refused properly, trying all the same")
		}
		s.must(s.cp.DeletePod(t.Context(), s.namespace, "filler-rack-b-n3"))
		start := time.Now()
		s.waitBound("gang", 8, 30*time.Second)
		t.Logf("bound %.2f s after the blocker was deleted", time.Since(start).Seconds())
	})
	if t.Failed() {
		s.dump()
	}
}

func anyMatches(pattern *regexp.Regexp, texts []string) bool {
	for _, text := range texts {
		if pattern.MatchString(text) {
			return true
		}
	}
	return false
}

// testTwoGangs: ten nodes, two gangs of six whose pods arrive in turn. A scheduler that hands out places one by one
// gives each gang five, and neither ever starts.
func testTwoGangs(t *testing.T) {
	s := newScene(t, cluster.scheduler, harness.Racks(5, "rack-a", "rack-b"))
	for _, gang := range []string{"red", "blue"} {
		s.must(s.cp.CreatePodGroup(t.Context(), s.namespace, gang, 6))
	}
	for i := range 6 {
		s.createMember("red", i)
		s.createMember("blue", i)
	}
	var first, second string
	s.waitFor(30*time.Second, "one of the gangs is bound", func() error {
		red, blue := s.observer.EverBound(s.namespace, "red"), s.observer.EverBound(s.namespace, "blue")
		switch {
		case red == 6:
			first, second = "red", "blue"
		case blue == 6:
			first, second = "blue", "red"
		default:
			return fmt.Errorf("red has %d pods bound, blue %d", red, blue)
		}
		return nil
	})
	s.waitBound(first, 6, time.Second)
	s.neverBound(second, 10*time.Second)

	for i := range 6 {
		s.must(s.cp.CompletePod(t.Context(), s.namespace, fmt.Sprintf("%s-%d", first, i)))
	}
	start := time.Now()
	s.waitBound(second, 6, 30*time.Second)
	t.Logf("%s ran first; %s was bound %.2f s after it was told to end", first, second, time.Since(start).Seconds())
}
