// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// hostile is a user with all rights on pods and groups of one namespace, on a cluster that others use, too. What it
// does comes first in each test; then everybodyIsServed(). test/hostile does more of this on the embedded cluster.
type hostile struct {
	*scene // everybody else
	tenant *harness.Tenant
	served int
	before int // resident bytes
}

// highPriority is the PriorityClass of the ordinary pod that has to be bound during every attack.
const highPriority = "hostile-high"

func newHostile(t *testing.T, nodes []harness.Node) *hostile {
	t.Helper()
	needPhalanx(t)
	s := newScene(t, cluster.scheduler, nodes)
	s.troubleExpected = true // kube-scheduler may complain of what the tenant's pods are
	tenant, err := s.cp.NewTenant(t.Context(), s.namespace+"-hostile")
	s.must(err)
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: highPriority}, Value: 1000}
	_, err = s.cp.Client.SchedulingV1().PriorityClasses().Create(t.Context(), class, metav1.CreateOptions{})
	s.must(err)
	h := &hostile{scene: s, tenant: tenant, before: resident(t)}
	t.Cleanup(func() { // before the scene ends
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.cp.ClearWorkload(ctx, tenant.Namespace); err != nil {
			t.Error(err)
		}
		if err := s.cp.Client.CoreV1().Namespaces().Delete(ctx, tenant.Namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := s.cp.Client.SchedulingV1().PriorityClasses().Delete(ctx, highPriority, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return h
}

// everybodyIsServed creates an ordinary pod of high priority and another tenant's gang of 8, which have to be bound. How
// long that took is logged, with memory and what filter took meanwhile.
func (h *hostile) everybodyIsServed() {
	h.Helper()
	h.served++
	high, gang := fmt.Sprintf("high-%d", h.served), fmt.Sprintf("gang-%d", h.served)
	started := time.Now()
	h.createPod(harness.Pod{Name: high, GPUs: 1, CPU: "1", Edit: func(p *corev1.Pod) {
		p.Spec.PriorityClassName = highPriority
	}})
	h.waitFor(30*time.Second, "an ordinary pod of high priority is bound", func() error {
		for _, p := range h.observer.Pods(h.namespace, nil) {
			if p.Name == high && p.Node != "" {
				return nil
			}
		}
		return fmt.Errorf("it is not")
	})
	h.Logf("an ordinary pod of high priority is bound after %.2f s", time.Since(started).Seconds())
	h.must(h.cp.CreatePodGroup(h.Context(), h.namespace, gang, 8))
	for i := range 8 {
		h.createPod(harness.Pod{Name: fmt.Sprintf("%s-%d", gang, i), Group: gang, GPUs: 2, CPU: "1"})
	}
	h.waitBound(gang, 8, 30*time.Second)
	h.Logf("resident %d MiB (%+d MiB), filter p99 %s", resident(h.T)>>20, (resident(h.T)-h.before)>>20, h.filterQuantile(0.99))
}

// resident is what Phalanx has of the machine's memory, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cluster.phalanx.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatal("no VmRSS")
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib << 10
}

// filterQuantile reads the histogram of filter calls, of the whole life of the daemon: an upper bound.
func (h *hostile) filterQuantile(q float64) string {
	h.Helper()
	_, body, err := cluster.phalanx.Get(h.Context(), "/metrics")
	h.must(err)
	type bucket struct{ le, count float64 }
	var buckets []bucket
	for _, m := range filterBucket.FindAllStringSubmatch(body, -1) {
		le, err := strconv.ParseFloat(m[1], 64)
		count, _ := strconv.ParseFloat(m[2], 64)
		if err == nil {
			buckets = append(buckets, bucket{le, count})
		}
	}
	if len(buckets) == 0 {
		return "unknown"
	}
	sort.Slice(buckets, func(i, j int) bool { return buckets[i].le < buckets[j].le })
	for _, b := range buckets {
		if b.count >= q*buckets[len(buckets)-1].count {
			return fmt.Sprintf("<= %g s", b.le)
		}
	}
	return "unknown"
}

var filterBucket = regexp.MustCompile(`phalanx_[a-z_]*seconds_bucket\{[^}]*verb="filter"[^}]*le="([^"]+)"[^}]*\} (\S+)`)

// TestHostile is about a tenant who means ill.
func TestHostile(t *testing.T) {
	needPhalanx(t)
	t.Run("GangsOfASchedulerNobodyServes", func(t *testing.T) {
		h := newHostile(t, harness.Racks(4, "rack-a", "rack-b"))
		for i := range 3 {
			h.must(h.tenant.CreateGang(h.Context(), fmt.Sprintf("big-%d", i), 8,
				harness.Pod{GPUs: 8, CPU: "8", Scheduler: "nobody"}))
		}
		h.everybodyIsServed()
	})
}
