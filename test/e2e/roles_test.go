// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"phalanx.dev/e2e/harness"
)

// roleLabel tells the roles of a gang apart.
const roleLabel = "training.kubeflow.org/replica-type"

// leads and works are the pods of a gang with a leader that needs no GPU. No two of them share a node.
func leads(p *corev1.Pod) { p.Labels[roleLabel] = "leader" }

func works(edit func(*corev1.Pod)) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Labels[roleLabel] = "worker"
		edit(p)
	}
}

func inOneRack(p *corev1.Pod) {
	p.Annotations = map[string]string{"kueue.x-k8s.io/podset-required-topology": harness.RackLabel}
}

// createRoles creates a gang of a leader and n workers, the leader at the end of them.
func (s *scene) createRoles(gang string, n int, worker func(*corev1.Pod)) {
	s.Helper()
	s.must(s.cp.CreatePodGroup(s.Context(), s.namespace, gang, n+1))
	for i := range n {
		s.createWorker(gang, fmt.Sprint(i), worker)
	}
	s.createPod(harness.Pod{Name: gang + "-leader", Group: gang, CPU: "16", Edit: leads})
}

func (s *scene) createWorker(gang, name string, worker func(*corev1.Pod)) {
	s.Helper()
	s.createPod(harness.Pod{Name: gang + "-worker-" + name, Group: gang, GPUs: 8, CPU: "90", Edit: works(worker)})
}

// split returns the node of the leader and the workers.
func split(members []*harness.PodRecord) (leader string, workers []*harness.PodRecord) {
	for _, p := range members {
		if p.GPUs == 0 {
			leader = p.Node
		} else {
			workers = append(workers, p)
		}
	}
	return leader, workers
}

// TestLeader is about workers that have to be where their leader is, as a LeaderWorkerSet asks for it: required affinity
// to a member of their own gang, which is nowhere yet.
func TestLeader(t *testing.T) {
	needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(5, "rack-a", "rack-b"))

	s.each(t, "WorkersInTheRackOfTheLeader", func(s *scene) {
		s.fill(8, "90", "rack-a-n3")
		s.createRoles("gang", 4, beside(harness.RackLabel, roleLabel, "leader"))
		if found := racks(s.waitStarted("gang", 5)); found["rack-b"] != 5 {
			t.Errorf("leader and workers are in %v, rack-b has room for all", found)
		}
	})
	s.each(t, "NoRackTakesThemAll", func(s *scene) {
		s.fill(8, "90", "rack-a-n3", "rack-b-n3")
		s.createRoles("gang", 4, beside(harness.RackLabel, roleLabel, "leader"))
		s.waitFor(startTime, "Phalanx says why it waits", func() error { // the workers hear of it from kube-scheduler itself
			_, gang, err := cluster.phalanx.Get(s.Context(), "/api/v1/gangs/"+s.namespace+"/gang")
			if err == nil && !regexp.MustCompile(`"reason": *"gang [^"]* waits: rack is short by`).MatchString(gang) {
				err = fmt.Errorf("it says %s", gang)
			}
			return err
		})
		s.neverBound("gang", 2*time.Second)
		s.must(s.cp.DeletePod(s.Context(), s.namespace, "filler-rack-b-n3"))
		if found := racks(s.waitBound("gang", 5, 30*time.Second)); found["rack-b"] != 5 {
			t.Errorf("leader and workers are in %v, rack-b has room for all", found)
		}
	})
	s.each(t, "LeaderOnAnotherNodeOfTheSameRack", func(s *scene) {
		s.fill(8, "90", "rack-b-n0")
		s.createRoles("gang", 4, inOneRack)
		leader, workers := split(s.waitStarted("gang", 5))
		if found := racks(workers); found["rack-a"] != 4 || rackOf(leader) != "rack-a" {
			t.Errorf("the workers are in %v, their leader is on %s: rack-a has room for all", found, leader)
		}
	})
}

// TestRackOfOneRole is about a gang of which only the workers' template asks for a rack.
func TestRackOfOneRole(t *testing.T) {
	needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b"))
	s.fill(8, "90", "rack-a-n0", "rack-b-n0")
	s.createRoles("gang", 4, inOneRack)

	t.Run("NoRackTakesTheWorkers", func(t *testing.T) {
		s.waitRefused("gang", 5, regexp.MustCompile(`rack is short by 1 of 4 pods`), nil)
	})
	t.Run("BoundOnceARackDoes", func(t *testing.T) {
		s.must(s.cp.DeletePod(s.Context(), s.namespace, "filler-rack-b-n0"))
		_, workers := split(s.waitBound("gang", 5, 30*time.Second))
		if found := racks(workers); found["rack-b"] != 4 {
			t.Errorf("the workers are in %v, their template wants one rack", found)
		}
	})
	t.Run("AMemberThatWasLostComesBackToTheSameRack", func(t *testing.T) {
		lost := s.observer.Gang(s.namespace, "gang")[1]
		s.must(s.cp.DeletePod(s.Context(), s.namespace, lost.Name))
		s.fill(8, "90", lost.Node)
		s.createWorker("gang", "again", inOneRack)
		s.waitFor(startTime, "the new member says why it waits", func() error {
			again := s.member("gang-worker-again")
			if again == nil || !regexp.MustCompile(`rack`).MatchString(again.Message()) {
				return fmt.Errorf("it says %+v", again)
			}
			return nil
		})
		s.never(2*time.Second, func() error {
			if again := s.member("gang-worker-again"); again.Node != "" {
				return fmt.Errorf("it is on %s, and its gang in rack-b", again.Node)
			}
			return nil
		})
		s.must(s.cp.DeletePod(s.Context(), s.namespace, "filler-"+lost.Node))
		s.waitFor(30*time.Second, "it is bound", func() error {
			if again := s.member("gang-worker-again"); again.Node != lost.Node {
				return fmt.Errorf("it is on %q, the only free node of its rack is %s", again.Node, lost.Node)
			}
			return nil
		})
	})
}

// member is a living pod of the namespace, nil if there is none of that name.
func (s *scene) member(name string) *harness.PodRecord {
	for _, p := range s.observer.Pods(s.namespace, func(p *harness.PodRecord) bool { return p.Name == name }) {
		return p
	}
	return nil
}
