// SPDX-License-Identifier: Apache-2.0

// Package e2e tries Phalanx on a real control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler
// and Phalanx as plain processes on loopback, with certificates, RBAC and the shipped manifests. See ./run.
//
// Reading order: main_test.go (the cluster all tests share, and what a test may do with it), controlplane_test.go
// (the cluster without Phalanx: what the other tests would see if Phalanx did nothing), gang_test.go (the promises),
// interleaved_test.go, manifests_test.go, rbac_test.go, resilience_test.go; what a gang is: rerun_test.go (the quorum, run
// by run, and whoever else binds its members), roles_test.go (constraints of one role), separate_test.go (members that
// exclude each other), topology_test.go (the real JobSet controller), situations_test.go (those of test/cases); then
// intercept_test.go (a proxy on either side of Phalanx), kill_test.go (every process killed at every point) and
// degraded_test.go (slow, silent, refusing).
//
// Tests run one after the other. Each has its own namespace and its own nodes, and the whole cluster for itself.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// cluster is what all tests share. Its parts are started by the first test that needs them.
var cluster struct {
	cp        *harness.ControlPlane
	observer  *harness.Observer
	scheduler *harness.Scheduler
	phalanx   *harness.Phalanx
	options   []string // the files of manifests/options that a test has applied, for a while
}

func TestMain(m *testing.M) {
	code := m.Run()
	if stop() && code == 0 {
		code = 1
	}
	os.Exit(code)
}

// stop ends everything and tells whether something came to light that no single test has seen.
func stop() (failed bool) {
	if cluster.cp == nil {
		return false
	}
	complain := func(format string, arguments ...any) {
		fmt.Printf("FAIL after the tests: "+format+"\n", arguments...)
		failed = true
	}
	if p := cluster.phalanx; p != nil {
		if code := p.Stop(20 * time.Second); code != 0 {
			complain("phalanx ended with %d on SIGTERM", code)
		}
		for _, fault := range p.Faults() {
			complain("%s (log: %s)", fault, p.LogPath)
		}
	}
	if cluster.scheduler != nil {
		cluster.scheduler.Kill()
	}
	cluster.observer.Stop()
	for _, violation := range cluster.observer.Violations() {
		complain("%s", violation)
	}
	cluster.cp.Stop()
	return failed
}

var startControlPlane = sync.OnceValue(func() error {
	binaries := os.Getenv("PHALANX_E2E_BINARIES")
	if binaries == "" {
		return fmt.Errorf("PHALANX_E2E_BINARIES is not set: start the suite with ./run")
	}
	dir := os.Getenv("PHALANX_E2E_DIR")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "phalanx-e2e-"); err != nil {
			return err
		}
	}
	manifests, err := filepath.Abs("../../manifests")
	if err != nil {
		return err
	}
	ctx, start := context.Background(), time.Now()
	fmt.Printf("    logs and data of every process: %s\n", dir)
	cp, err := harness.StartControlPlane(ctx, harness.Options{Binaries: binaries, Manifests: manifests, Dir: dir})
	if err != nil {
		return err
	}
	cluster.cp, cluster.observer = cp, cp.Observe()
	if err := cp.InstallManifests(ctx); err != nil {
		return err
	}
	fmt.Printf("    control plane ready and manifests applied in %.1f s\n", time.Since(start).Seconds())
	return nil
})

var startPhalanx = sync.OnceValue(func() error {
	ctx, start := context.Background(), time.Now()
	binary, err := phalanxBinary()
	if err != nil {
		return err
	}
	if cluster.phalanx, err = cluster.cp.StartPhalanx(ctx, binary); err != nil {
		return err
	}
	if err := cluster.phalanx.WaitReady(ctx, 30*time.Second); err != nil {
		return err
	}
	if cluster.scheduler, err = cluster.cp.StartScheduler(ctx, cluster.phalanx.URL); err != nil {
		return err
	}
	fmt.Printf("    Phalanx and kube-scheduler ready in %.1f s\n", time.Since(start).Seconds())
	return nil
})

// phalanxBinary is $PHALANX_BIN, or what `make` builds.
func phalanxBinary() (string, error) {
	binary := os.Getenv("PHALANX_BIN")
	if binary == "" {
		binary = "../../build/phalanx"
	}
	path, err := filepath.Abs(binary)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(path)
	return path, err
}

// needControlPlane starts the cluster without scheduler and Phalanx, once.
func needControlPlane(t *testing.T) *harness.ControlPlane {
	t.Helper()
	if err := startControlPlane(); err != nil {
		t.Fatal(err)
	}
	return cluster.cp
}

// needPhalanx starts the whole system, once.
func needPhalanx(t *testing.T) *harness.ControlPlane {
	t.Helper()
	cp := needControlPlane(t)
	if err := startPhalanx(); err != nil {
		t.Fatal(err)
	}
	return cp
}

// scene is one test's namespace and nodes.
type scene struct {
	*testing.T
	cp        *harness.ControlPlane
	observer  *harness.Observer
	scheduler *harness.Scheduler
	namespace string
	logStart  int64
	// troubleExpected is set by tests that break something: kube-scheduler may then complain of its extender.
	troubleExpected bool
}

var scenes int

// newScene creates a namespace and nodes, which go when the test ends. It then checks the observer's invariants and
// kube-scheduler's log.
func newScene(t *testing.T, scheduler *harness.Scheduler, nodes []harness.Node) *scene {
	t.Helper()
	scenes++
	s := &scene{
		T: t, cp: cluster.cp, observer: cluster.observer, scheduler: scheduler,
		namespace: fmt.Sprintf("scene-%d", scenes), logStart: scheduler.LogSize(),
	}
	t.Cleanup(s.end)
	s.must(s.cp.CreateNamespace(t.Context(), s.namespace))
	s.must(s.cp.CreateNodes(t.Context(), nodes))
	return s
}

func (s *scene) end() {
	for _, violation := range s.observer.Violations() {
		s.Error(violation)
	}
	if !s.troubleExpected {
		reportTrouble(s.T, s.scheduler.ExtenderTrouble(s.logStart))
	}
	if s.Failed() {
		s.dump()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := s.cp.Clear(ctx, s.namespace); err != nil {
		s.Error(err)
	}
}

// reportTrouble fails the test if kube-scheduler has logged errors of its extenders.
func reportTrouble(t *testing.T, lines []string) {
	t.Helper()
	if len(lines) > 0 {
		t.Errorf("kube-scheduler complains of its extender in %d lines, which begin with:\n%s",
			len(lines), strings.Join(lines[:min(len(lines), 5)], "\n"))
	}
}

// dump logs what one wants to see after a failure.
func (s *scene) dump() {
	var out strings.Builder
	for i, p := range s.observer.Pods(s.namespace, nil) {
		if i == 40 {
			fmt.Fprintln(&out, "...")
			break
		}
		fmt.Fprintf(&out, "%s node=%q phase=%s reason=%s %q\n", p.Name, p.Node, p.Phase, p.Reason, p.Messages)
	}
	if cluster.phalanx != nil {
		_, gangs, err := cluster.phalanx.Get(context.Background(), "/api/v1/gangs")
		fmt.Fprintf(&out, "GET /api/v1/gangs: %s %v\n%s\n", gangs, err, cluster.phalanx.LogTail(40))
	}
	fmt.Fprintln(&out, s.scheduler.LogTail(20))
	s.Log("state at the failure:\n" + out.String())
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) createPod(p harness.Pod) {
	s.Helper()
	s.must(s.cp.CreatePod(s.Context(), s.namespace, p))
}

// fill puts pods on nodes past the scheduler, so that a test begins with a cluster that is in use.
func (s *scene) fill(gpus int, cpu string, nodes ...string) {
	s.Helper()
	for _, node := range nodes {
		s.createPod(harness.Pod{Name: "filler-" + node, GPUs: gpus, CPU: cpu, Node: node})
	}
	s.waitFor(20*time.Second, "fillers run", func() error {
		for _, p := range s.observer.Pods(s.namespace, nil) {
			if strings.HasPrefix(p.Name, "filler-") && p.Phase != "Running" {
				return fmt.Errorf("%s is %s", p.Name, p.Phase)
			}
		}
		return nil
	})
}

// createGang creates a PodGroup with quorum n and n pods <name>-0, <name>-1, ... of 8 GPUs each.
func (s *scene) createGang(name string, n int) {
	s.Helper()
	s.must(s.cp.CreatePodGroup(s.Context(), s.namespace, name, n))
	for i := range n {
		s.createMember(name, i)
	}
}

func (s *scene) createMember(gang string, i int) {
	s.Helper()
	s.createPod(harness.Pod{Name: fmt.Sprintf("%s-%d", gang, i), Group: gang, GPUs: 8, CPU: "8"})
}

// waitFor tries until attempt returns nil. It gives up early when Phalanx has crashed.
func (s *scene) waitFor(timeout time.Duration, what string, attempt func() error) {
	s.Helper()
	err := harness.Poll(s.Context(), timeout, func() error {
		if cluster.phalanx != nil {
			if faults := cluster.phalanx.Faults(); len(faults) > 0 {
				return harness.Permanent(fmt.Errorf("%s", strings.Join(faults, "\n")))
			}
		}
		return attempt()
	})
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// waitBound returns when n members of a gang are bound, and logs how long that took after the last was created.
func (s *scene) waitBound(gang string, n int, timeout time.Duration) []*harness.PodRecord {
	s.Helper()
	var members []*harness.PodRecord
	s.waitFor(timeout, "gang "+gang+" is bound", func() error {
		members = s.observer.Gang(s.namespace, gang)
		if bound := countBound(members); bound != n || len(members) < n {
			return fmt.Errorf("%d of %d members are bound", bound, n)
		}
		return nil
	})
	var created, first, last time.Time
	for _, p := range members {
		if p.CreatedAt.After(created) {
			created = p.CreatedAt
		}
		if first.IsZero() || p.BoundAt.Before(first) {
			first = p.BoundAt
		}
		if p.BoundAt.After(last) {
			last = p.BoundAt
		}
	}
	s.Logf("gang %s: last of %d members bound %.2f s after the last was created, %.2f s after the first was bound",
		gang, n, last.Sub(created).Seconds(), last.Sub(first).Seconds())
	return members
}

func countBound(pods []*harness.PodRecord) int {
	n := 0
	for _, p := range pods {
		if p.Node != "" {
			n++
		}
	}
	return n
}

// never fails the test if check returns an error at any time during the window.
func (s *scene) never(window time.Duration, check func() error) {
	s.Helper()
	for end := time.Now().Add(window); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := check(); err != nil {
			s.Fatal(err)
		}
	}
}

// neverBound fails the test if any member of the gang has been bound by the end of the window.
func (s *scene) neverBound(gang string, window time.Duration) {
	s.Helper()
	s.never(window, func() error {
		if n := s.observer.EverBound(s.namespace, gang); n > 0 {
			return fmt.Errorf("%d members of gang %s have been bound", n, gang)
		}
		return nil
	})
}

// rackOf is the rack of a node made by harness.Racks.
func rackOf(node string) string { return node[:strings.LastIndex(node, "-n")] }

func racks(pods []*harness.PodRecord) map[string]int {
	found := map[string]int{}
	for _, p := range pods {
		found[rackOf(p.Node)]++
	}
	return found
}

// told is how many Events there are about a gang's PodGroup for a reason.
func (s *scene) told(gang, reason string) int {
	s.Helper()
	told := 0
	for _, note := range s.eventNotes(gang) {
		if strings.HasPrefix(note, reason+": ") {
			told++
		}
	}
	return told
}

// eventNotes returns the notes of all events about one object, with their reasons.
func (s *scene) eventNotes(name string) []string {
	s.Helper()
	options := metav1.ListOptions{FieldSelector: "involvedObject.name=" + name}
	events, err := s.cp.Client.CoreV1().Events(s.namespace).List(s.Context(), options)
	s.must(err)
	var notes []string
	for _, e := range events.Items {
		notes = append(notes, e.Reason+": "+e.Message)
	}
	return notes
}
