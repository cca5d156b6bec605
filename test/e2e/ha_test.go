// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// replica stands for one pod of the shipped Deployment: a kube-scheduler and a Phalanx that talk over loopback.
type replica struct {
	name      string
	phalanx   *harness.Phalanx
	scheduler *harness.Scheduler
	killed    []time.Time
	net       *network // nil: straight to the API server and to each other
}

// replicas are two of them, each process with the shipped configuration: both leader elections are real.
type replicas struct {
	cp   *harness.ControlPlane
	pods [2]*replica
}

var pairs int

// startReplicas starts the first pod, which comes to lead, and then the second. The Phalanx and kube-scheduler that
// the other tests share are out of the way until the test ends.
func startReplicas(t *testing.T) *replicas { return startReplicasWith(t, nil) }

// startReplicasWith is startReplicas with something done to each pod before it is started.
func startReplicasWith(t *testing.T, prepare func(*replica, *harness.PhalanxOptions, *harness.SchedulerOptions)) *replicas {
	t.Helper()
	r := &replicas{cp: needControlPlane(t)}
	binary, err := phalanxBinary()
	if err != nil {
		t.Fatal(err)
	}
	standAside(t)
	pairs++
	for i, name := range []string{"a", "b"} {
		pod := &replica{name: name}
		suffix := fmt.Sprintf("-%s-%d", name, pairs)
		phalanx := harness.PhalanxOptions{Name: "phalanx" + suffix}
		scheduler := harness.SchedulerOptions{Name: "kube-scheduler" + suffix, QuickLease: true}
		if prepare != nil {
			prepare(pod, &phalanx, &scheduler)
		}
		pod.phalanx, err = r.cp.StartPhalanxWith(t.Context(), binary, phalanx)
		if err != nil {
			t.Fatal(err)
		}
		if pod.net != nil {
			pod.net.peers.Aim(pod.phalanx.Peers)
		}
		t.Cleanup(func() {
			if pod.phalanx.Running() && pod.phalanx.Stop(20*time.Second) != 0 {
				t.Errorf("phalanx %s did not end well on SIGTERM\n%s", name, pod.phalanx.LogTail(20))
			}
			for _, fault := range pod.phalanx.Faults() {
				t.Errorf("%s (log: %s)", fault, pod.phalanx.LogPath)
			}
		})
		if err := pod.phalanx.WaitReady(t.Context(), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		pod.scheduler, err = r.cp.StartSchedulerWith(t.Context(), pod.phalanx.URL, scheduler)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pod.scheduler.Stop(10 * time.Second) }) // gives its Lease back
		r.pods[i] = pod
	}
	return r
}

// standAside ends what the other tests share, if it runs, until this test is over.
func standAside(t *testing.T) {
	t.Helper()
	phalanx, scheduler := cluster.phalanx, cluster.scheduler
	if scheduler == nil {
		return
	}
	scheduler.Stop(10 * time.Second) // gives its Lease back
	phalanx.Stop(20 * time.Second)
	cluster.phalanx = nil
	t.Cleanup(func() {
		cluster.phalanx = phalanx
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		for _, step := range []func() error{
			phalanx.Start, func() error { return phalanx.WaitReady(ctx, 30*time.Second) },
			scheduler.Start, func() error { return scheduler.WaitReady(ctx) },
		} {
			if err := step(); err != nil {
				t.Error(err)
			}
		}
	})
}

// leads asks a Phalanx whether it decides.
func (p *replica) leads(ctx context.Context) bool {
	status, _, err := p.phalanx.Get(ctx, "/readyz/leader")
	return err == nil && status == http.StatusOK
}

// leader returns the pod whose Phalanx and kube-scheduler both lead, and the other one.
func (r *replicas) leader(s *scene) (leader, other *replica) {
	s.Helper()
	s.waitFor(time.Minute, "both elections have the same winner", func() error {
		lease, err := r.cp.Client.CoordinationV1().Leases(harness.Namespace).Get(s.Context(), "phalanx-scheduler", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i, pod := range r.pods {
			if pod.leads(s.Context()) && schedulerLeads(pod.scheduler) && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
				leader, other = pod, r.pods[1-i]
				return nil
			}
		}
		return fmt.Errorf("a: %v %v, b: %v %v", r.pods[0].leads(s.Context()), schedulerLeads(r.pods[0].scheduler),
			r.pods[1].leads(s.Context()), schedulerLeads(r.pods[1].scheduler))
	})
	return leader, other
}

// schedulerLeads tells from its log whether a kube-scheduler leads: it says so once, and ends when it ceases to.
func schedulerLeads(s *harness.Scheduler) bool {
	log := s.LogSince(0)
	began := bytes.LastIndex(log, []byte("Successfully acquired lease"))
	started := bytes.LastIndex(log, []byte("Starting Kubernetes Scheduler"))
	return s.Running() && began > started
}

// barrier creates a gang of n and stops its Phalanx when some of its members wait there and none is bound. The process
// is frozen on return.
func (r *replicas) barrier(s *scene, leader *replica, n int) (gang string) {
	s.Helper()
	for attempt := range 10 {
		gang = fmt.Sprintf("gang-%d", attempt)
		s.must(r.cp.CreatePodGroup(s.Context(), s.namespace, gang, n))
		pods := make([]harness.Pod, n)
		for i := range pods {
			pods[i] = harness.Pod{Name: fmt.Sprintf("%s-%d", gang, i), Group: gang, GPUs: 8, CPU: "8"}
		}
		s.must(r.cp.CreatePods(s.Context(), s.namespace, pods))
		waiting := 0.0
		for end := time.Now().Add(30 * time.Second); waiting == 0 && time.Now().Before(end); {
			waiting, _ = leader.phalanx.Metric(s.Context(), "phalanx_waiting_binds")
			if bound := s.observer.EverBound(s.namespace, gang); bound > 0 {
				break
			}
		}
		s.must(leader.phalanx.Freeze())
		time.Sleep(200 * time.Millisecond) // what is on its way arrives
		if bound := s.observer.EverBound(s.namespace, gang); bound == 0 && waiting > 0 {
			s.Logf("%.0f of %d members wait at the barrier, none is bound", waiting, n)
			return gang
		}
		s.must(leader.phalanx.Thaw()) // too late: it was whole before it could be stopped
		s.waitBound(gang, n, time.Minute)
		for i := range n {
			s.must(r.cp.DeletePod(s.Context(), s.namespace, fmt.Sprintf("%s-%d", gang, i)))
		}
	}
	s.Fatal("no gang was caught at its barrier")
	return ""
}

// bound waits until the whole gang is, and returns how long after since that was.
func (r *replicas) bound(s *scene, gang string, n int, since time.Time) time.Duration {
	s.Helper()
	members := s.waitBound(gang, n, 2*time.Minute)
	last := since
	for _, p := range members {
		if p.BoundAt.After(last) {
			last = p.BoundAt
		}
	}
	return last.Sub(since)
}

// comeBack starts what has ended, as a kubelet would.
func (r *replicas) comeBack(s *scene) {
	s.Helper()
	for _, pod := range r.pods {
		if !pod.phalanx.Running() {
			s.must(pod.phalanx.Start())
			s.must(pod.phalanx.WaitReady(s.Context(), 30*time.Second))
		}
		if !pod.scheduler.Running() {
			s.must(pod.scheduler.Start())
			s.must(pod.scheduler.WaitReady(s.Context()))
		}
	}
}

// kill ends a Phalanx with SIGKILL and remembers when.
func (p *replica) kill() time.Time {
	p.phalanx.Kill()
	now := time.Now()
	p.killed = append(p.killed, now)
	return now
}

// TestHighAvailability runs two replicas and takes the one that leads away in every way.
func TestHighAvailability(t *testing.T) {
	r := startReplicas(t)
	rackNames := func(n int) (names []string) {
		for i := range (n + 7) / 8 {
			names = append(names, fmt.Sprintf("rack-%c", 'a'+i))
		}
		return names
	}
	begin := func(t *testing.T, n int) *scene {
		s := newScene(t, r.pods[0].scheduler, harness.Racks(8, rackNames(n)...))
		s.troubleExpected = true
		s.observer.Tolerate(time.Minute)
		t.Cleanup(func() { s.observer.Tolerate(0) })
		return s
	}

	t.Run("TheStandbyIsReadyAndRefuses", func(t *testing.T) {
		s := begin(t, 8)
		_, standby := r.leader(s)
		s.must(expectStatus(s.Context(), standby.phalanx, "/readyz", http.StatusOK))
		s.must(expectStatus(s.Context(), standby.phalanx, "/readyz/leader", http.StatusServiceUnavailable))
		_, text, err := standby.phalanx.Get(s.Context(), "/readyz?verbose")
		s.must(err)
		if !strings.Contains(text, "[+]leader ok: on standby, the lease is held by ") {
			t.Errorf("/readyz?verbose does not name the leader:\n%s", text)
		}
	})

	for _, n := range []int{16, 64} {
		t.Run(fmt.Sprintf("LeaderIsKilledDuringABarrierOf%d", n), func(t *testing.T) {
			s := begin(t, n)
			leader, _ := r.leader(s)
			gang := r.barrier(s, leader, n)
			at := leader.kill()
			leader.scheduler.Kill()
			t.Logf("MEASURED whole pod killed, gang of %d: from the kill to the gang fully bound %.2f s", n,
				r.bound(s, gang, n, at).Seconds())
			r.comeBack(s)
		})
		t.Run(fmt.Sprintf("PhalanxAloneIsKilledDuringABarrierOf%d", n), func(t *testing.T) {
			s := begin(t, n)
			leader, _ := r.leader(s)
			gang := r.barrier(s, leader, n)
			at := leader.kill()
			time.Sleep(time.Second) // a kubelet's doing
			s.must(leader.phalanx.Start())
			t.Logf("MEASURED Phalanx alone killed and restarted after 1 s, gang of %d: from the kill to the gang fully bound %.2f s",
				n, r.bound(s, gang, n, at).Seconds())
			s.must(leader.phalanx.WaitReady(s.Context(), 30*time.Second))
		})
		t.Run(fmt.Sprintf("LeaderIsStoppedDuringABarrierOf%d", n), func(t *testing.T) {
			s := begin(t, n)
			leader, other := r.leader(s)
			gang := r.barrier(s, leader, n)
			calls := startCalling(leader.phalanx.URL, other.phalanx.URL)
			s.must(leader.phalanx.Thaw())
			at := time.Now()
			var stopping sync.WaitGroup
			stopping.Go(func() {
				if code := leader.phalanx.Stop(30 * time.Second); code != 0 {
					t.Errorf("phalanx ended with %d on SIGTERM", code)
				}
				t.Logf("Phalanx ended %.2f s after SIGTERM", time.Since(at).Seconds())
			})
			stopping.Go(func() { leader.scheduler.Stop(30 * time.Second) })
			s.waitFor(10*time.Second, "the other Phalanx leads", func() error {
				if !other.leads(s.Context()) {
					return fmt.Errorf("it does not")
				}
				return nil
			})
			t.Logf("MEASURED SIGTERM, gang of %d: the standby leads after %.2f s", n, time.Since(at).Seconds())
			stopping.Wait()
			t.Logf("MEASURED SIGTERM, gang of %d: from the signal to the gang fully bound %.2f s", n,
				r.bound(s, gang, n, at).Seconds())
			calls.finish(t)
			r.comeBack(s)
		})
	}

	t.Run("LeadershipFollowsKubeScheduler", func(t *testing.T) {
		s := begin(t, 8)
		leader, other := r.leader(s)
		leader.scheduler.Stop(30 * time.Second) // its Phalanx stays, and holds its Lease
		s.createGang("gang", 8)
		at := time.Now()
		t.Logf("MEASURED kube-scheduler moved to the other pod: the gang is bound %.2f s after its last pod was created",
			r.bound(s, "gang", 8, at).Seconds())
		if !other.leads(s.Context()) || leader.leads(s.Context()) {
			t.Error("the Phalanx that is called does not lead")
		}
		r.comeBack(s)
	})

	t.Run("AFrozenLeaderDoesNotWriteWhenItThaws", func(t *testing.T) {
		s := begin(t, 16)
		leader, other := r.leader(s)
		gang := r.barrier(s, leader, 16) // frozen from here on
		leader.scheduler.Kill()
		s.waitFor(time.Minute, "the other Phalanx leads", func() error {
			if !other.leads(s.Context()) {
				return fmt.Errorf("it does not")
			}
			return nil
		})
		offset := leader.phalanx.LogSize()
		s.must(leader.phalanx.Thaw())
		s.waitFor(10*time.Second, "it notices that it leads no more", func() error {
			if !bytes.Contains(leader.phalanx.LogSince(offset), []byte("no longer leading")) {
				return fmt.Errorf("its log does not say so")
			}
			return nil
		})
		r.bound(s, gang, 16, time.Now())
		r.comeBack(s)
	})

	t.Run("OneLedAtATime", func(t *testing.T) { r.checkTerms(t) })
	t.Run("AskedForNothingElse", func(t *testing.T) { checkAudit(t) })
}

// term is a time during which one Phalanx thought that it led.
type term struct {
	name     string
	from, to time.Time
}

// terms reads them from the log: who writes "leading" leads from then on.
func (p *replica) terms(t *testing.T) (terms []term) {
	t.Helper()
	killed := p.killed
	open := false
	end := func(at time.Time) {
		if open {
			terms[len(terms)-1].to, open = at, false
		}
	}
	for line := range bytes.Lines(p.phalanx.LogSince(0)) {
		var entry struct {
			Time    time.Time `json:"ts"`
			Message string    `json:"msg"`
		}
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		for len(killed) > 0 && killed[0].Before(entry.Time) {
			end(killed[0])
			killed = killed[1:]
		}
		switch {
		case strings.HasSuffix(entry.Message, ": leading"):
			end(entry.Time)
			terms = append(terms, term{p.name, entry.Time, time.Now()})
			open = true
		case strings.Contains(entry.Message, "no longer leading"), strings.Contains(entry.Message, "given back"):
			end(entry.Time)
		}
	}
	if len(killed) > 0 {
		end(killed[0])
	}
	return terms
}

// checkTerms wants every term of one Phalanx to be over when one of the other begins. The one that was frozen is asked
// for what it did, not for what it could have said.
func (r *replicas) checkTerms(t *testing.T) {
	a, b := r.pods[0].terms(t), r.pods[1].terms(t)
	if len(a) == 0 || len(b) == 0 {
		t.Errorf("a led %d times, b %d times", len(a), len(b))
	}
	for _, one := range append(a, b...) {
		t.Logf("%s led from %s for %.1f s", one.name, one.from.Format("15:04:05.000"), one.to.Sub(one.from).Seconds())
	}
	overlaps := 0
	for _, one := range a {
		for _, two := range b {
			if one.from.Before(two.to) && two.from.Before(one.to) {
				overlaps++
				t.Logf("both say they led: %v and %v", one, two)
			}
		}
	}
	if overlaps > 1 { // the frozen one could not say when its term ended
		t.Errorf("%d terms overlap, at most the one of the frozen leader may", overlaps)
	}
}

// caller calls both Phalanxes without a pause, as kube-scheduler would.
type caller struct {
	stop    chan struct{}
	done    sync.WaitGroup
	mu      sync.Mutex
	answers map[string]int
	missed  []string
}

func startCalling(urls ...string) *caller {
	c := &caller{stop: make(chan struct{}), answers: map[string]int{}}
	for _, url := range urls {
		for range 2 {
			c.done.Go(func() { c.call(url) })
		}
	}
	return c
}

func (c *caller) call(url string) {
	body := `{"Pod":{"metadata":{"name":"nobody","namespace":"default","uid":"nobody"}},"Nodes":null,"NodeNames":["x"]}`
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		response, err := client.Post(url+"/scheduler/filter", "application/json", strings.NewReader(body))
		result := ""
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			result = response.Status
		}
		c.mu.Lock()
		if err == nil {
			c.answers[result]++
		} else if neverTaken(err) {
			c.answers["nobody listens"]++ // the process is gone, and with it the pod
		} else {
			c.missed = append(c.missed, err.Error())
		}
		c.mu.Unlock()
	}
}

// neverTaken tells that no connection came about, so that nobody can have got the call: nothing listened, or the
// socket that listened was closed during the handshake.
func neverTaken(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial" &&
		(errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET))
}

// finish fails the test if a call that was taken got no answer.
func (c *caller) finish(t *testing.T) {
	t.Helper()
	close(c.stop)
	c.done.Wait()
	t.Logf("calls meanwhile: %v", c.answers)
	for _, missed := range c.missed {
		t.Errorf("a call got no answer: %s", missed)
	}
}
