// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// network is what lies between a pod and everybody else, and can be cut. Behind it every write of its Phalanx is noted.
type network struct {
	phalanx, scheduler *harness.Wire // to the API server
	peers              *harness.Wire // to the pod's Phalanx, for the other one
	proxy              *harness.Proxy

	mu     sync.Mutex
	writes []time.Time
}

func (n *network) each(do func(*harness.Wire)) {
	for _, w := range []*harness.Wire{n.phalanx, n.scheduler, n.peers} {
		do(w)
	}
}

// startWiredReplicas starts two pods whose networks can be cut.
func startWiredReplicas(t *testing.T) *replicas {
	t.Helper()
	return startReplicasWith(t, func(pod *replica, phalanx *harness.PhalanxOptions, scheduler *harness.SchedulerOptions) {
		n := &network{}
		pod.net = n
		var err error
		if n.proxy, err = cluster.cp.ProxyAPIServer(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.proxy.Down)
		n.proxy.Rule(func(x *harness.Exchange) harness.Verdict {
			switch x.Call {
			case harness.Binding, harness.Nomination, harness.Withdrawal, harness.Explanation, harness.Event:
				n.mu.Lock()
				n.writes = append(n.writes, time.Now())
				n.mu.Unlock()
			}
			return harness.Verdict{}
		})
		for _, w := range []**harness.Wire{&n.phalanx, &n.scheduler, &n.peers} {
			if *w, err = harness.NewWire(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup((*w).Close)
		}
		n.phalanx.Aim(strings.TrimPrefix(n.proxy.URL, "https://"))
		n.scheduler.Aim(strings.TrimPrefix(cluster.cp.Server, "https://"))
		phalanx.Server, phalanx.Told = "https://"+n.phalanx.Address, n.peers.Address
		scheduler.Server = "https://" + n.scheduler.Address
	})
}

// checkWriters wants that whenever the one who writes changes, the new one has begun to lead since its last write: it has
// been on standby and got the lease from the API server.
func (r *replicas) checkWriters(t *testing.T) {
	t.Helper()
	type write struct {
		pod int
		at  time.Time
	}
	var writes []write
	var began [2][]time.Time
	for i, pod := range r.pods {
		pod.net.mu.Lock()
		for _, at := range pod.net.writes {
			writes = append(writes, write{i, at})
		}
		pod.net.mu.Unlock()
		for _, term := range pod.terms(t) {
			began[i] = append(began[i], term.from)
		}
	}
	slices.SortFunc(writes, func(a, b write) int { return a.at.Compare(b.at) })
	var last [2]time.Time
	changes := 0
	for i, w := range writes {
		if i > 0 && writes[i-1].pod != w.pod {
			changes++
			if !slices.ContainsFunc(began[w.pod], func(from time.Time) bool { return from.After(last[w.pod]) && !from.After(w.at) }) {
				t.Errorf("%s writes at %s, after %s did at %s, and has not begun to lead since its last write at %s",
					r.pods[w.pod].name, w.at.Format("15:04:05.000"), r.pods[1-w.pod].name,
					writes[i-1].at.Format("15:04:05.000"), last[w.pod].Format("15:04:05.000"))
			}
		}
		last[w.pod] = w.at
	}
	t.Logf("%d writes; the one who wrote changed %d times", len(writes), changes)
}

// rounds is how often a test takes the leader away: PHALANX_E2E_FAILOVER_ROUNDS, or few.
func rounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("PHALANX_E2E_FAILOVER_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return few
}

// figures are the durations of one kind of rounds.
type figures []time.Duration

func (f figures) log(t *testing.T, what string) {
	slices.Sort(f)
	if len(f) > 0 {
		t.Logf("MEASURED %s, %d rounds: median %.2f s, worst %.2f s", what, len(f), f[len(f)/2].Seconds(), f[len(f)-1].Seconds())
	}
}

// round takes the leader away while a gang of 8 is on its way, and then wants another gang and an ordinary pod. It returns
// when the first of these two was bound, and when both gangs were whole, counted from when it was done.
func (r *replicas) round(s *scene, leader *replica, take func() time.Time) (resumed, whole time.Duration) {
	s.Helper()
	create := func(name string) {
		s.must(r.cp.CreatePodGroup(s.Context(), s.namespace, name, 8))
		pods := make([]harness.Pod, 8)
		for i := range pods {
			pods[i] = harness.Pod{Name: fmt.Sprintf("%s-%d", name, i), Group: name, GPUs: 8, CPU: "8"}
		}
		s.must(r.cp.CreatePods(s.Context(), s.namespace, pods))
	}
	create("before")
	time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // anywhere between the first vote and the last binding
	at := take()
	s.createPod(harness.Pod{Name: "ordinary", CPU: "1"})
	create("after")
	whole = max(r.bound(s, "before", 8, at), r.bound(s, "after", 8, at))
	first := time.Now()
	s.waitFor(time.Minute, "the ordinary pod is bound", func() error {
		for _, p := range s.observer.Pods(s.namespace, nil) {
			if p.Node != "" && (p.Name == "ordinary" || strings.HasPrefix(p.Name, "after-")) && p.BoundAt.Before(first) {
				first = p.BoundAt
			}
			if p.Name == "ordinary" && p.Node == "" {
				return fmt.Errorf("it is not")
			}
		}
		return nil
	})
	return first.Sub(at), whole
}

// untilLeads returns a channel that gets the time when a Phalanx leads.
func untilLeads(ctx context.Context, p *replica) <-chan time.Time {
	led := make(chan time.Time, 1)
	go func() {
		for ctx.Err() == nil {
			if p.leads(ctx) {
				led <- time.Now()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return led
}

// TestFailover takes the leader away in every way, again and again, and measures. The invariants are the observer's: no
// node has more pods than it has room for, and no gang stays bound in part. PHALANX_E2E_FAILOVER_ROUNDS=20 for figures.
func TestFailover(t *testing.T) {
	r := startWiredReplicas(t)
	begin := func(t *testing.T) (s *scene, leader, other *replica) {
		s = newScene(t, r.pods[0].scheduler, harness.Racks(8, "rack-a", "rack-b", "rack-c"))
		s.troubleExpected = true
		s.observer.Tolerate(time.Minute)
		t.Cleanup(func() { s.observer.Tolerate(0) })
		leader, other = r.leader(s)
		s.waitFor(30*time.Second, "the standby is connected to the leader", func() error {
			if connected, _ := other.phalanx.Metric(s.Context(), "phalanx_leader_connected"); connected != 1 {
				return fmt.Errorf("it is not")
			}
			return nil
		})
		return s, leader, other
	}
	kill := func(pod *replica, phalanx, scheduler bool) time.Time {
		at := time.Now()
		var both sync.WaitGroup
		if scheduler {
			both.Go(pod.scheduler.Kill)
		}
		if phalanx {
			both.Go(func() { pod.kill() })
		}
		both.Wait()
		return at
	}
	ways := []struct {
		name string
		few  int
		take func(t *testing.T, s *scene, leader *replica) time.Time
	}{
		{"WholePodIsKilled", 2, func(t *testing.T, s *scene, leader *replica) time.Time {
			return kill(leader, true, true)
		}},
		{"PhalanxAloneIsKilled", 2, func(t *testing.T, s *scene, leader *replica) time.Time {
			at := kill(leader, true, false)
			time.AfterFunc(time.Second, func() { _ = leader.phalanx.Start() }) // a kubelet's doing
			return at
		}},
		{"SchedulerAloneIsKilled", 2, func(t *testing.T, s *scene, leader *replica) time.Time {
			at := kill(leader, false, true)
			time.AfterFunc(time.Second, func() { _ = leader.scheduler.Start() })
			return at
		}},
		{"NetworkIsCutFor30s", 1, func(t *testing.T, s *scene, leader *replica) time.Time {
			at := time.Now()
			leader.net.each((*harness.Wire).Cut)
			time.AfterFunc(30*time.Second, func() { leader.net.each((*harness.Wire).Mend) })
			return at
		}},
		{"PhalanxIsFrozenFor15s", 1, func(t *testing.T, s *scene, leader *replica) time.Time {
			s.must(leader.phalanx.Freeze())
			at := time.Now()
			time.AfterFunc(15*time.Second, func() { _ = leader.phalanx.Thaw() })
			return at
		}},
		{"FirewallLies", 2, func(t *testing.T, s *scene, leader *replica) time.Time {
			at := time.Now()
			leader.net.peers.Lie() // the standby thinks that the leader is dead, which goes on writing
			time.AfterFunc(2*time.Second, func() { _ = leader.net.peers.Listen() })
			return at
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			var leads, resumed, whole figures
			for i := range rounds(way.few) {
				t.Run(strconv.Itoa(i+1), func(t *testing.T) {
					s, leader, other := begin(t)
					var at time.Time
					var led <-chan time.Time
					one, all := r.round(s, leader, func() time.Time {
						at = way.take(t, s, leader)
						led = untilLeads(t.Context(), other)
						return at
					})
					resumed, whole = append(resumed, one), append(whole, all)
					select {
					case when := <-led:
						leads = append(leads, when.Sub(at))
					default: // nothing was lost
					}
					if rest := 31*time.Second - time.Since(at); way.name == "NetworkIsCutFor30s" && rest > 0 {
						time.Sleep(rest)
					}
					if rest := 16*time.Second - time.Since(at); way.name == "PhalanxIsFrozenFor15s" && rest > 0 {
						time.Sleep(rest)
					}
					time.Sleep(max(0, 1200*time.Millisecond-time.Since(at)))
					r.comeBack(s)
				})
			}
			leads.log(t, way.name+": the other Phalanx leads after")
			resumed.log(t, way.name+": the first pod is placed after")
			whole.log(t, way.name+": both gangs are whole after")
		})
	}
	t.Run("OneWroteAtATime", func(t *testing.T) { r.checkWriters(t) })
}

// TestClockSteps sets the clock of the leader, and of the standby, while they work.
func TestClockSteps(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, "clockshift.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-o", library, "clockshift/clockshift.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	set := func(name string, shift time.Duration) {
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := binary.Write(file, binary.NativeEndian, int64(shift)); err != nil {
			t.Fatal(err)
		}
	}
	r := startReplicasWith(t, func(pod *replica, phalanx *harness.PhalanxOptions, _ *harness.SchedulerOptions) {
		set(pod.name, 0)
		phalanx.Env = []string{"LD_PRELOAD=" + library, "CLOCKSHIFT=" + filepath.Join(dir, pod.name)}
	})
	s := newScene(t, r.pods[0].scheduler, harness.Racks(8, "rack-a", "rack-b"))
	s.troubleExpected = true
	leader, other := r.leader(s)
	transitions := func() int32 {
		lease, err := r.cp.Client.CoordinationV1().Leases(harness.Namespace).Get(s.Context(), "phalanx", metav1.GetOptions{})
		s.must(err)
		return *lease.Spec.LeaseTransitions
	}
	before := transitions()
	steps := []time.Duration{time.Hour, -time.Hour, 20 * time.Second, -20 * time.Second, 24 * 365 * time.Hour, 0}
	for i, step := range steps {
		gang := fmt.Sprintf("gang-%d", i)
		s.createGang(gang, 2)
		set(leader.name, step)
		set(other.name, -step)
		s.waitBound(gang, 2, 30*time.Second)
		time.Sleep(1500 * time.Millisecond) // a renewal or two
		if !leader.leads(s.Context()) || other.leads(s.Context()) {
			t.Errorf("the leader changed when the clock was set by %s", step)
		}
	}
	if after := transitions(); after != before {
		t.Errorf("the lease changed hands %d times", after-before)
	}
	shifted := false // or the test has shown nothing
	for line := range bytes.Lines(leader.phalanx.LogSince(0)) {
		var entry struct {
			Time time.Time `json:"ts"`
		}
		shifted = shifted || json.Unmarshal(line, &entry) == nil && entry.Time.After(time.Now().Add(30*time.Minute))
	}
	if !shifted {
		t.Error("the clock of the leader was never set")
	}
}
