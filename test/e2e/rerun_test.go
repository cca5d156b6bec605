// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// TestRerun runs a Job under one and the same PodGroup night after night. What is left of the last run, done, is no part
// of the next one's quorum: while one of its four nodes is taken, none of its pods is bound.
func TestRerun(t *testing.T) {
	cp := needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a"))
	s.must(cp.CreatePodGroup(t.Context(), s.namespace, "nightly", 4))
	s.must(cp.CreateIndexedJob(t.Context(), s.namespace, "nightly", "nightly", 4))
	s.waitBound("nightly", 4, 30*time.Second)

	runs := []struct {
		name, job string
		prepare   func()
	}{
		{"UnderAnotherNameBesideTheLast", "nightly-2", func() {}},
		// The Job controller lets go of the pods, which stay as nobody's.
		{"JobDeletedAndCreatedAgain", "nightly", func() { s.orphan("nightly"); s.orphan("nightly-2") }},
		{"APodOfTheLastRunIsMissing", "nightly", func() {
			s.orphan("nightly")
			for _, p := range s.living("nightly") {
				if p.Index == 0 {
					s.must(cp.DeletePod(t.Context(), s.namespace, p.Name))
				}
			}
		}},
	}
	for _, run := range runs {
		ok := t.Run(run.name, func(t *testing.T) {
			old := map[string]bool{}
			for _, p := range s.observer.Gang(s.namespace, "nightly") {
				if p.Phase == corev1.PodRunning {
					s.must(cp.CompletePod(t.Context(), s.namespace, p.Name))
				}
			}
			s.waitFor(30*time.Second, "the last run is over", func() error {
				if left := len(s.living("nightly")) - s.countPhase("nightly", corev1.PodSucceeded); left > 0 {
					return fmt.Errorf("%d pods still run", left)
				}
				return nil
			})
			run.prepare()
			for _, p := range s.living("nightly") {
				old[p.Name] = true
			}
			s.fill(8, "8", "rack-a-n2")
			s.must(cp.CreateIndexedJob(t.Context(), s.namespace, run.job, "nightly", 4))
			bound := func() (all, placed int) {
				for _, p := range s.living("nightly") {
					if !old[p.Name] {
						all++
						if p.Node != "" {
							placed++
						}
					}
				}
				return all, placed
			}
			s.waitFor(startTime, "the new pods say why they wait", func() error {
				for _, p := range s.living("nightly") {
					if !old[p.Name] && !shortByOne.MatchString(p.Message()) {
						return fmt.Errorf("%s says %q, its node is %q", p.Name, p.Message(), p.Node)
					}
				}
				if all, _ := bound(); all != 4 {
					return fmt.Errorf("there are %d", all)
				}
				return nil
			})
			s.never(2*time.Second, func() error {
				if _, placed := bound(); placed > 0 {
					return fmt.Errorf("%d of 4 pods of the new run are bound, there is no room for all", placed)
				}
				return nil
			})
			s.must(cp.DeletePod(t.Context(), s.namespace, "filler-rack-a-n2"))
			s.waitFor(30*time.Second, "the new run is bound", func() error {
				if _, placed := bound(); placed != 4 {
					return fmt.Errorf("%d of 4 pods are bound", placed)
				}
				return nil
			})
		})
		if !ok {
			break
		}
	}
}

// living are the pods of a gang that are there, finished or not.
func (s *scene) living(gang string) []*harness.PodRecord { return s.observer.Gang(s.namespace, gang) }

func (s *scene) countPhase(gang string, phase corev1.PodPhase) int {
	n := 0
	for _, p := range s.living(gang) {
		if p.Phase == phase {
			n++
		}
	}
	return n
}

// orphan deletes a Job and leaves its pods, and returns when both the Job and their reference to it are gone.
func (s *scene) orphan(job string) {
	s.Helper()
	jobs, policy := s.cp.Client.BatchV1().Jobs(s.namespace), metav1.DeletePropagationOrphan
	s.must(jobs.Delete(s.Context(), job, metav1.DeleteOptions{PropagationPolicy: &policy}))
	s.waitFor(30*time.Second, "Job "+job+" is gone", func() error {
		list, err := jobs.List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if list.Items[i].Name == job {
				return errors.New("it is not")
			}
		}
		return nil
	})
}

// TestForeignBinder is about a launcher that somebody else puts on a node: another scheduler, or a person. It counts, and
// sets nothing going: its workers are bound all together or not at all.
func TestForeignBinder(t *testing.T) {
	cp := needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(5, "rack-a"))
	shortOfWorkers := regexp.MustCompile(`short by 1\b`)

	// kube-scheduler refuses it for its volume, of which Phalanx knows nothing, so it is planned and never votes.
	withoutVolume := func(pod *corev1.Pod) {
		claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "nobody-has-it"}
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}}}
	}
	create := func(gang string) {
		s.must(cp.CreatePodGroup(t.Context(), s.namespace, gang, 5))
		s.createPod(harness.Pod{Name: gang + "-launcher", Group: gang, CPU: "4", Edit: withoutVolume})
		for i := range 4 {
			s.createMember(gang, i)
		}
	}
	workers := func(gang string) int {
		n := 0
		for _, p := range s.observer.Gang(s.namespace, gang) {
			if p.Node != "" && !strings.HasSuffix(p.Name, "-launcher") {
				n++
			}
		}
		return n
	}
	allOrNothing := func(gang string) func() error {
		return func() error {
			if n := workers(gang); n > 0 {
				return fmt.Errorf("%d of 4 workers are bound, there is no room for all", n)
			}
			return nil
		}
	}
	wait := func(gang string) {
		s.waitFor(startTime, "the workers say why they wait", func() error {
			for i := range 4 {
				p := s.member(fmt.Sprintf("%s-%d", gang, i))
				if p == nil || !shortOfWorkers.MatchString(p.Message()) {
					return fmt.Errorf("%+v", p)
				}
			}
			return nil
		})
	}

	t.Run("BeforeItsWorkersFit", func(t *testing.T) {
		s.fill(8, "8", "rack-a-n0", "rack-a-n1")
		create("early")
		s.must(s.bindByHand("early-launcher", "rack-a-n1"))
		wait("early")
		s.never(2*time.Second, allOrNothing("early"))
		s.observer.Excuse(s.namespace, "early") // of which one member has been bound for long
		s.must(cp.DeletePod(t.Context(), s.namespace, "filler-rack-a-n0"))
		s.waitBound("early", 5, 30*time.Second)
		s.deleteWorkload("early")
	})

	// The votes of the four workers stand at the barrier, for the launcher, which kube-scheduler refuses, is missing.
	atTheBarrier := func(gang string) {
		create(gang)
		s.waitFor(startTime, "four votes wait", func() error {
			votes, err := cluster.phalanx.Metric(s.Context(), "phalanx_waiting_binds")
			if err == nil && votes != 4 {
				err = fmt.Errorf("%g do", votes)
			}
			return err
		})
	}
	t.Run("InTheMiddleOfTheBarrier", func(t *testing.T) {
		atTheBarrier("midway")
		s.must(allOrNothing("midway")())
		s.must(s.bindByHand("midway-launcher", "rack-a-n4"))
		s.waitBound("midway", 5, 30*time.Second)
		s.deleteWorkload("midway")
	})
	t.Run("InTheMiddleOfTheBarrierOntoTheNodeOfAWorker", func(t *testing.T) {
		s.troubleExpected = true // votes that stand at the barrier are refused
		s.fill(8, "8", "rack-a-n4")
		atTheBarrier("onto")
		// It takes the CPUs that one of the workers would need, and no other node is free.
		s.must(cp.DeletePod(t.Context(), s.namespace, "onto-launcher"))
		s.createPod(harness.Pod{Name: "onto-launcher", Group: "onto", CPU: "92", Edit: withoutVolume})
		s.must(s.bindByHand("onto-launcher", "rack-a-n1"))
		wait("onto")
		s.never(2*time.Second, allOrNothing("onto"))
		s.observer.Excuse(s.namespace, "onto")
		s.must(cp.DeletePod(t.Context(), s.namespace, "filler-rack-a-n4"))
		s.waitBound("onto", 5, 40*time.Second)
		s.deleteWorkload("onto")
	})
}

// bindByHand binds a pod as another scheduler does.
func (s *scene) bindByHand(pod, node string) error {
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	return s.cp.Client.CoreV1().Pods(s.namespace).Bind(s.Context(), binding, metav1.CreateOptions{})
}
