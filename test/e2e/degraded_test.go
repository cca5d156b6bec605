// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// filterBudget is the httpTimeout of kube-scheduler's entry with the filter verb, less a good deal.
const filterBudget = time.Second

// degraded is a scene of nine nodes in which things are slow, silent or refused. docs/degraded.md is its table.
type degraded struct {
	*intercepted
	*scene
	gangs *int
}

// TestDegraded takes from Phalanx what it depends on, bit by bit. In each case it goes on answering in time, the gang is
// whole in the end, and the metrics say what is wrong.
func TestDegraded(t *testing.T) {
	i := intercept(t, nil)
	s := newScene(t, i.scheduler, harness.Racks(3, "rack-a", "rack-b", "rack-c"))
	s.troubleExpected = true
	s.observer.Tolerate(recoveryTime)
	t.Cleanup(func() { s.observer.Tolerate(0) })
	gangs := 0
	for _, c := range []struct {
		name string
		run  func(d *degraded)
	}{
		{"APIServerIsSlow", testSlow},
		{"APIServerIsAway", testAway},
		{"APIServerIsAwayForLongerThanPatience", testAwayLong},
		{"TooManyRequests", func(d *degraded) {
			d.refused(http.StatusTooManyRequests, map[string]string{"Retry-After": "1"}, time.Second)
		}},
		{"InternalErrors", func(d *degraded) { d.refused(http.StatusInternalServerError, nil, 0) }},
		{"TooManyRequestsForLongerThanPatience", testTooManyForLong},
		{"ConflictWithoutReason", testConflict},
		{"ConflictBecauseAnotherWasFaster", testBoundByAnother},
		{"NominationsAreForbidden", testNominationsForbidden},
		{"WatchesAreSilent", testSilent},
		{"WatchesAreSilentWhileANodeFills", testSilentWhileANodeFills},
		{"WatchesAreFarBehind", testBehind},
		{"ConnectionsAreCutAgainAndAgain", testCuts},
		{"PhalanxStandsStill", testStandsStill},
		{"ClientsVanish", testClientsVanish},
		{"SchedulerIsReplacedDuringABarrier", testReplaced},
	} {
		t.Run(c.name, func(t *testing.T) {
			scene := *s
			scene.T = t
			d := &degraded{intercepted: i, scene: &scene, gangs: &gangs}
			defer func() {
				d.reset(&scene)
				if t.Failed() {
					scene.dump()
				}
				scene.must(i.cp.DeletePods(t.Context(), scene.namespace, "app=e2e"))
				scene.waitFor(30*time.Second, "the pods are gone", func() error {
					if left := len(scene.observer.Pods(scene.namespace, nil)); left > 0 {
						return fmt.Errorf("%d are left", left)
					}
					return nil
				})
				for _, violation := range scene.observer.Violations() {
					t.Error(violation)
				}
				scene.observer.Forget()
			}()
			d.reset(&scene)
			c.run(d)
			for _, call := range []harness.Call{harness.Filter, harness.Prioritize} {
				if slowest := i.extender.Slowest(call); slowest > filterBudget && c.name != "PhalanxStandsStill" {
					t.Errorf("one %s call took %s", call, slowest)
				}
			}
			t.Logf("slowest filter answer: %.0f ms", 1000*i.extender.Slowest(harness.Filter).Seconds())
		})
	}
}

const degradedGang = 8

// create creates the next gang. With light it is declared by labels alone.
func (d *degraded) create(light bool) string {
	d.Helper()
	*d.gangs++
	gang := fmt.Sprintf("gang-%d", *d.gangs)
	if !light {
		d.createGang(gang, degradedGang)
		return gang
	}
	for i := range degradedGang {
		d.createPod(harness.Pod{Name: fmt.Sprintf("%s-%d", gang, i), Light: gang, Minimum: degradedGang, GPUs: 8, CPU: "8"})
	}
	return gang
}

func (d *degraded) whole(gang string) time.Duration {
	d.Helper()
	start := time.Now()
	d.waitWhole(recoveryTime, degradedGang, gang)
	took := time.Since(start)
	d.Logf("%s whole after %.2f s", gang, took.Seconds())
	return took
}

// grown returns a function that tells by how much a metric has grown since.
func (d *degraded) grown(name string) func() float64 {
	d.Helper()
	before, err := d.phalanx.Metric(d.Context(), name)
	d.must(err)
	return func() float64 {
		d.Helper()
		now, err := d.phalanx.Metric(d.Context(), name)
		d.must(err)
		return now - before
	}
}

func (d *degraded) wantGrown(name string, grown func() float64) {
	d.Helper()
	if grown() <= 0 {
		d.Errorf("%s has not grown", name)
	}
}

func testSlow(d *degraded) {
	d.api.Rule(func(*harness.Exchange) harness.Verdict { return harness.Verdict{Delay: 2 * time.Second} })
	d.api.DelayStreams(2 * time.Second)
	d.whole(d.create(false))
}

func testAway(d *degraded) {
	restarts := d.grown(`phalanx_watch_restarts_total{kind="pods"}`)
	d.api.Down()
	gang := d.create(false)
	d.createPod(harness.Pod{Name: "plain"})
	d.neverBound(gang, 6*time.Second)
	d.must(expectStatus(d.Context(), d.phalanx, "/livez", http.StatusOK))
	d.must(d.api.Up())
	d.whole(gang)
	d.waitFor(recoveryTime, "the pod without a gang is bound", func() error {
		plain := d.observer.Pods(d.namespace, func(p *harness.PodRecord) bool { return p.Name == "plain" })
		if countBound(plain) != 1 {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	d.wantGrown("phalanx_watch_restarts_total", restarts)
}

func testAwayLong(d *degraded) {
	trap := d.api.Arm(harness.Point{Call: harness.Binding, Number: 4, After: true}, true, func() error {
		d.api.Down()
		return nil
	})
	gang := d.create(false)
	d.must(trap.Wait(30 * time.Second))
	failed := d.grown(`phalanx_writes_total{write="binding",result="failed"}`)
	time.Sleep(15 * time.Second) // kubernetes.writePatience is 10 s
	d.wantGrown("failed bindings", failed)
	d.must(d.api.Up())
	d.whole(gang)
}

// refused answers the first attempts of each kind of write with a status.
func (d *degraded) refused(status int, header map[string]string, atLeast time.Duration) {
	retries := d.grown("phalanx_write_retries_total")
	d.api.Rule(func(x *harness.Exchange) harness.Verdict {
		if (x.Call == harness.Binding || x.Call == harness.Nomination) && x.Number <= 12 {
			return harness.Verdict{Status: status, Header: header, Body: "{}"}
		}
		return harness.Verdict{}
	})
	gang := d.create(false)
	if took := d.whole(gang); took < atLeast {
		d.Errorf("whole after %s, although the API server asked for %s", took, atLeast)
	}
	d.wantGrown("phalanx_write_retries_total", retries)
}

func testTooManyForLong(d *degraded) {
	var refusing atomic.Bool
	refusing.Store(true)
	d.api.Rule(func(x *harness.Exchange) harness.Verdict {
		if x.Call == harness.Binding && x.Number > 4 && refusing.Load() {
			return harness.Verdict{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "2"}}
		}
		return harness.Verdict{}
	})
	failed := d.grown(`phalanx_writes_total{write="binding",result="failed"}`)
	gang := d.create(false)
	time.Sleep(14 * time.Second)
	d.wantGrown("failed bindings", failed)
	refusing.Store(false)
	d.whole(gang)
}

func testConflict(d *degraded) {
	failed := d.grown(`phalanx_writes_total{write="binding",result="failed"}`)
	d.api.Rule(func(x *harness.Exchange) harness.Verdict {
		if (x.Call == harness.Binding || x.Call == harness.Nomination) && x.Number == 1 {
			return harness.Verdict{Status: http.StatusConflict, Body: `{"kind":"Status","apiVersion":"v1","status":"Failure",` +
				`"message":"Operation cannot be fulfilled: please try again","reason":"Conflict","code":409}`}
		}
		return harness.Verdict{}
	})
	d.whole(d.create(false))
	d.wantGrown("failed bindings", failed)
}

// testBoundByAnother: somebody binds a member past the scheduler, to the node the plan leaves free, just before the
// commit. The API server itself refuses Phalanx's binding then.
func testBoundByAnother(d *degraded) {
	failed := d.grown(`phalanx_writes_total{write="binding",result="failed"}`)
	*d.gangs++
	gang := fmt.Sprintf("gang-%d", *d.gangs)
	var taken string
	trap := d.api.Arm(harness.Point{Call: harness.Binding, Number: 1}, false, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		free, err := d.freeNode(ctx, gang)
		if err != nil {
			return err
		}
		taken = free
		return d.scene.cp.Client.CoreV1().Pods(d.namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: gang + "-0"}, Target: corev1.ObjectReference{Kind: "Node", Name: free},
		}, metav1.CreateOptions{})
	})
	d.createAllButOne(gang, degradedGang)
	d.createMember(gang, degradedGang-1)
	d.must(trap.Wait(30 * time.Second))
	d.whole(gang)
	d.wantGrown("failed bindings", failed)
	if node := d.observer.Gang(d.namespace, gang)[0].Node; node != taken {
		d.Errorf("%s-0 is on %s, want %s", gang, node, taken)
	}
}

// freeNode is the node that no member of a gang is nominated to.
func (d *degraded) freeNode(ctx context.Context, gang string) (string, error) {
	_, text, err := d.phalanx.Get(ctx, "/api/v1/gangs/"+d.namespace+"/"+gang)
	if err != nil {
		return "", err
	}
	for _, node := range harness.Racks(3, "rack-a", "rack-b", "rack-c") {
		if !strings.Contains(text, `"`+node.Name+`"`) {
			return node.Name, nil
		}
	}
	return "", fmt.Errorf("no node is free: %s", text)
}

// testNominationsForbidden: without the right to write a pod's status Phalanx cannot wake pods that kube-scheduler has
// put to sleep. Whatever happens in the cluster does; where nothing happens, kube-scheduler looks again after 5 minutes.
func testNominationsForbidden(d *degraded) {
	d.api.Rule(func(x *harness.Exchange) harness.Verdict {
		if x.Call == harness.Nomination || x.Call == harness.Explanation || x.Call == harness.Withdrawal {
			return harness.Verdict{Status: http.StatusForbidden, Body: "{}"}
		}
		return harness.Verdict{}
	})
	*d.gangs++
	gang := fmt.Sprintf("gang-%d", *d.gangs)
	d.createAllButOne(gang, degradedGang)
	d.createMember(gang, degradedGang-1)
	passersBy, next := 0, time.Now().Add(2*time.Second)
	d.waitFor(recoveryTime, "the gang is whole", func() error {
		if bound := d.observer.EverBound(d.namespace, gang); bound != degradedGang {
			if time.Now().After(next) {
				passersBy, next = passersBy+1, time.Now().Add(2*time.Second)
				d.createPod(harness.Pod{Name: fmt.Sprintf("passer-by-%d", passersBy)})
			}
			return fmt.Errorf("%d of %d members are bound", bound, degradedGang)
		}
		return nil
	})
	d.Logf("%s whole after %d other pods", gang, passersBy)
}

func testSilent(d *degraded) {
	d.api.HoldStreams(true)
	light := d.create(true) // kube-scheduler's calls tell of it, which anybody can make
	silence, err := d.phalanx.Metric(d.Context(), `phalanx_watch_silence_seconds{kind="pods"}`)
	d.must(err)
	d.neverBound(light, 3*time.Second)
	later, err := d.phalanx.Metric(d.Context(), `phalanx_watch_silence_seconds{kind="pods"}`)
	d.must(err)
	if later < silence+2 {
		d.Errorf("phalanx_watch_silence_seconds went from %.1f to %.1f in 3 s of silence", silence, later)
	}
	d.api.HoldStreams(false)
	d.whole(light)
}

func testSilentWhileANodeFills(d *degraded) {
	var filling atomic.Bool
	filling.Store(true)
	d.extender.Rule(func(x *harness.Exchange) harness.Verdict {
		if x.Call == harness.Filter && filling.Load() {
			return harness.Verdict{Status: http.StatusServiceUnavailable, Body: "{}"}
		}
		return harness.Verdict{}
	})
	gang := d.create(true)
	d.waitFor(recoveryTime, "the gang is planned", func() error {
		_, text, err := d.phalanx.Get(d.Context(), "/api/v1/gangs/"+d.namespace+"/"+gang)
		if err == nil && !strings.Contains(text, `"Held"`) {
			err = errors.New(text)
		}
		return err
	})
	d.api.HoldStreams(true)
	free, err := d.freeNode(d.Context(), gang)
	d.must(err)
	planned := "rack-a-n0"
	if free == planned {
		planned = "rack-a-n1"
	}
	d.fill(8, "8", planned)
	filling.Store(false)
	// kube-scheduler's own filters veto the node. On a busy machine they may veto the one node that is to spare, too,
	// while it has not seen yet that another member was nominated elsewhere; a veto lasts a minute.
	d.waitWhole(3*recoveryTime, degradedGang, gang)
}

func testBehind(d *degraded) {
	d.api.DelayStreams(5 * time.Second)
	first := d.create(false)
	d.whole(first)
	second := d.create(false)
	d.neverBound(second, 2*time.Second)
	d.deleteGangs(first)
	d.whole(second)
}

func testCuts(d *degraded) {
	over := make(chan struct{})
	cutting := make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-cutting:
				return
			case <-time.After(50 * time.Millisecond):
				d.api.Sever()
			}
		}
	}()
	gang := d.create(false)
	time.Sleep(5 * time.Second)
	close(cutting)
	<-over
	d.whole(gang)
}

// testStandsStill takes the processor from Phalanx for longer than the hold lasts, while the last vote is on its way. To
// Phalanx it looks as if the clock had jumped. Its callers may have given up meanwhile: nothing may be bound for them.
func testStandsStill(d *degraded) {
	const seconds = 5
	*d.gangs++
	gang := fmt.Sprintf("gang-%d", *d.gangs)
	d.must(d.scene.cp.CreatePodGroupWith(d.Context(), d.namespace, gang, degradedGang, seconds))
	aborted := d.grown(`phalanx_gang_transitions_total{from="Held",to="Waiting"}`)
	trap := d.extender.Arm(harness.Point{Call: harness.Bind, Number: degradedGang}, false, d.phalanx.Freeze)
	for i := range degradedGang {
		d.createMember(gang, i)
	}
	d.must(trap.Wait(30 * time.Second))
	time.Sleep((seconds + 2) * time.Second)
	d.must(d.phalanx.Thaw())
	d.whole(gang)
	d.wantGrown("Held to Waiting", aborted)
}

// testClientsVanish: callers that go away in the middle of a request, after it, and while a bind call waits.
func testClientsVanish(d *degraded) {
	address := strings.TrimPrefix(d.phalanx.URL, "http://")
	whole := "POST /scheduler/bind HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 86\r\n\r\n" +
		`{"PodName":"p","PodNamespace":"n","PodUID":"11111111-1111-1111-1111-1111","Node":"n0"}`
	for i := range 200 {
		c, err := net.Dial("tcp", address)
		d.must(err)
		_, err = c.Write([]byte(whole[:len(whole)*(i%20+1)/20]))
		d.must(err)
		d.must(c.(*net.TCPConn).SetLinger(0)) // with a reset
		d.must(c.Close())
	}
	// kube-scheduler's own connections end while half of its bind calls wait, and it votes again.
	trap := d.extender.Arm(harness.Point{Call: harness.Bind, Number: degradedGang / 2}, true, func() error { return nil })
	gang := d.create(false)
	d.must(trap.Wait(30 * time.Second))
	d.whole(gang)
	d.waitFor(10*time.Second, "the connections are closed", func() error {
		open, err := d.phalanx.Metric(d.Context(), `phalanx_http_connections{listener="extender"}`)
		if err == nil && open > 40 { // the proxy keeps some of its own
			err = fmt.Errorf("%.0f are open", open)
		}
		return err
	})
}

// testReplaced: the leading kube-scheduler stops in the middle of a barrier, and the one in reserve takes over when the
// lease has run out. Then the first one wakes up again.
func testReplaced(d *degraded) {
	d.intercepted.scheduler.Kill()
	defer func() { d.must(d.intercepted.scheduler.Start()) }()
	var pair [2]*harness.Scheduler
	for i := range pair {
		scheduler, err := d.scene.cp.StartSchedulerWith(d.Context(), d.extender.URL,
			harness.SchedulerOptions{Name: fmt.Sprintf("kube-scheduler-%d-of-2", i+1), Fast: true})
		d.must(err)
		defer scheduler.Kill()
		pair[i] = scheduler
		if i == 0 { // it has to be the leader before there is another
			d.whole(d.create(false))
			d.deleteGangs(fmt.Sprintf("gang-%d", *d.gangs))
		}
	}
	trap := d.extender.Arm(harness.Point{Call: harness.Bind, Number: degradedGang / 2}, false, pair[0].Freeze)
	gang := d.create(false)
	d.must(trap.Wait(30 * time.Second))
	d.whole(gang)
	d.must(pair[0].Thaw())
	time.Sleep(2 * time.Second)
}

// TestTooManyConnections gives Phalanx fewer connections than a gang has members. Such a gang can never start, does not
// start in part, and is told so; others go on.
func TestTooManyConnections(t *testing.T) {
	const limit, size = 16, 24
	i := intercept(t, func(config string) string {
		config = strings.Replace(config, "server:\n", fmt.Sprintf("server:\n  maxConnections: %d\n", limit), 1)
		config += "kubernetes:\n  writePatience: 2s\n"
		return strings.Replace(config, "holdTimeout: 30s", "holdTimeout: 4s", 1)
	})
	s := newScene(t, i.scheduler, harness.Racks(8, rackNames(4)...))
	s.troubleExpected = true
	s.createGang("large", size)
	s.waitFor(30*time.Second, "the gang's reason says that so many calls cannot wait", func() error {
		_, gang, err := i.phalanx.Get(t.Context(), "/api/v1/gangs/"+s.namespace+"/large")
		if err == nil && !strings.Contains(gang, "bind calls may wait at once (server.maxConnections)") {
			err = errors.New(gang)
		}
		return err
	})
	if status, body, err := i.phalanx.Get(t.Context(), "/livez"); err != nil || status != http.StatusOK {
		t.Errorf("/livez answers %d %s (%v)", status, body, err)
	}
	start := time.Now()
	s.createPod(harness.Pod{Name: "plain"})
	s.createGang("small", degradedGang)
	s.waitFor(recoveryTime, "the pod without a gang is bound", func() error {
		if plain := s.observer.Pods(s.namespace, func(p *harness.PodRecord) bool { return p.Name == "plain" }); countBound(plain) != 1 {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	t.Logf("the pod without a gang was bound after %.1f s", time.Since(start).Seconds())
	s.waitWhole(recoveryTime, degradedGang, "small")
	t.Logf("the small gang was whole after %.1f s", time.Since(start).Seconds())
	if n := s.observer.EverBound(s.namespace, "large"); n > 0 {
		t.Errorf("%d members of the large gang have been bound", n)
	}
}
