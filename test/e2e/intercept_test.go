// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// intercepted is Phalanx and kube-scheduler with a proxy on either side of Phalanx:
//
//	API server ◀── api ──── Phalanx ◀── extender ──── kube-scheduler ────▶ API server
//
// For as long as the test lasts they take the place of those the other tests share.
type intercepted struct {
	cp            *harness.ControlPlane
	phalanx       *harness.Phalanx
	scheduler     *harness.Scheduler
	api, extender *harness.Proxy
}

var interceptions int

// intercept starts the two with what edit makes of Phalanx's shipped configuration. So that gangs follow each other
// quickly, kube-scheduler comes back from a kill without waiting for a lease, and writes without a limit.
func intercept(t *testing.T, edit func(config string) string) *intercepted {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cp := needControlPlane(t)
	binary, err := phalanxBinary()
	check(err)
	interceptions++
	suffix := fmt.Sprintf("-behind-proxies-%d", interceptions)
	stepAside(t)

	i := &intercepted{cp: cp}
	i.api, err = cp.ProxyAPIServer()
	check(err)
	t.Cleanup(i.api.Down)
	i.phalanx, err = cp.StartPhalanxWith(t.Context(), binary, harness.PhalanxOptions{
		Name: "phalanx" + suffix, Server: i.api.URL, Edit: edit,
	})
	check(err)
	cluster.phalanx = i.phalanx
	t.Cleanup(func() {
		cluster.phalanx = nil
		if code := i.phalanx.Stop(20 * time.Second); code != 0 {
			t.Errorf("phalanx ended with %d on SIGTERM\n%s", code, i.phalanx.LogTail(20))
		}
		for _, fault := range i.phalanx.Faults() {
			t.Errorf("%s (log: %s)", fault, i.phalanx.LogPath)
		}
	})
	check(i.phalanx.WaitReady(t.Context(), 30*time.Second))
	i.extender, err = harness.ProxyPhalanx(i.phalanx)
	check(err)
	t.Cleanup(i.extender.Down)
	i.scheduler, err = cp.StartSchedulerWith(t.Context(), i.extender.URL, harness.SchedulerOptions{
		Name: "kube-scheduler" + suffix, Alone: true, Fast: true,
	})
	check(err)
	cluster.scheduler = i.scheduler
	t.Cleanup(func() {
		i.scheduler.Kill()
		cluster.scheduler = nil
	})
	return i
}

// stepAside ends the Phalanx and the kube-scheduler that the other tests share, until the test is over.
func stepAside(t *testing.T) {
	t.Helper()
	phalanx, scheduler := cluster.phalanx, cluster.scheduler
	if scheduler == nil {
		return
	}
	scheduler.Stop(10 * time.Second) // gracefully: it gives its lease back
	phalanx.Stop(20 * time.Second)
	t.Cleanup(func() {
		cluster.phalanx, cluster.scheduler = phalanx, scheduler
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// reset takes back whatever a test has done to the proxies, and returns when Phalanx is ready.
func (i *intercepted) reset(s *scene) {
	s.Helper()
	i.api.Reset()
	i.extender.Reset()
	s.must(i.phalanx.WaitReady(s.Context(), time.Minute))
}

// bound is how many pods of a gang the API server says are bound right now.
func (s *scene) bound(gang string) (int, error) {
	options := metav1.ListOptions{LabelSelector: "scheduling.x-k8s.io/pod-group=" + gang}
	pods, err := s.cp.Client.CoreV1().Pods(s.namespace).List(s.Context(), options)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range pods.Items {
		if pods.Items[i].Spec.NodeName != "" {
			n++
		}
	}
	return n, nil
}

// createAllButOne creates a gang of n pods but for the last, and returns when all others have been refused. What
// follows when the last one comes is then always the same: n-1 sleeping pods are nominated, and each of the n votes.
func (s *scene) createAllButOne(gang string, n int) {
	s.Helper()
	s.must(s.cp.CreatePodGroup(s.Context(), s.namespace, gang, n))
	var pods []harness.Pod
	for i := range n - 1 {
		pods = append(pods, harness.Pod{Name: fmt.Sprintf("%s-%d", gang, i), Group: gang, GPUs: 8, CPU: "8"})
	}
	s.must(s.cp.CreatePods(s.Context(), s.namespace, pods))
	s.waitFor(30*time.Second, "all pods but the last have been refused", func() error {
		members := s.observer.Gang(s.namespace, gang)
		refused := 0
		for _, p := range members {
			if p.Reason == "Unschedulable" {
				refused++
			}
		}
		if refused != n-1 {
			return fmt.Errorf("%d of %d", refused, n-1)
		}
		return nil
	})
}

// waitWhole returns when all n members of one of the gangs are bound and says which, and fails the test if a member
// of another has ever been. Where the whole gang came from is in the watch's history, not in a list.
func (s *scene) waitWhole(timeout time.Duration, n int, gangs ...string) string {
	s.Helper()
	whole := ""
	s.waitFor(timeout, fmt.Sprintf("one of the gangs %v is whole", gangs), func() error {
		counts := []int{}
		for _, gang := range gangs {
			count := s.observer.EverBound(s.namespace, gang)
			if counts = append(counts, count); count == n {
				whole = gang
				return nil
			}
		}
		return fmt.Errorf("%v of %d members are bound", counts, n)
	})
	for _, gang := range gangs {
		if count := s.observer.EverBound(s.namespace, gang); gang != whole && count > 0 {
			s.Errorf("gang %s is whole, but %d members of %s have been bound too", whole, count, gang)
		}
	}
	return whole
}

// deleteGangs deletes the pods of some gangs and returns when they are gone.
func (s *scene) deleteGangs(gangs ...string) {
	s.Helper()
	for _, gang := range gangs {
		s.must(s.cp.DeletePods(s.Context(), s.namespace, "scheduling.x-k8s.io/pod-group="+gang))
	}
	s.waitFor(30*time.Second, "the pods are gone", func() error {
		for _, gang := range gangs {
			if left := len(s.observer.Gang(s.namespace, gang)); left > 0 {
				return fmt.Errorf("%d pods of %s are left", left, gang)
			}
		}
		return nil
	})
}

// spread tells the middle and the end of some times.
func spread(times []time.Duration) string {
	if len(times) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(share float64) float64 { return sorted[int(share*float64(len(sorted)-1))].Seconds() }
	return fmt.Sprintf("median %.2f s, p90 %.2f s, longest %.2f s", at(0.5), at(0.9), at(1))
}
