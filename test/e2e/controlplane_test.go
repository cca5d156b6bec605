// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// emptiestNodesApart is the cluster of the placement test. Only rack-a has four nodes with free GPUs, and those are
// busy with CPU work, so that a scheduler that spreads load prefers every other free node.
func emptiestNodesApart(s *scene) {
	s.fill(8, "64", "rack-b-n0", "rack-c-n0", "rack-d-n0")
	s.fill(0, "24", "rack-a-n0", "rack-a-n1", "rack-a-n2", "rack-a-n3")
}

func emptiestNodesApartNodes() []harness.Node {
	return harness.Racks(4, "rack-a", "rack-b", "rack-c", "rack-d")
}

// TestControlPlane tries the harness itself, with a kube-scheduler that knows nothing of Phalanx. What it sees is also
// what makes the tests of gangs worth something: without Phalanx the same scenes end differently.
func TestControlPlane(t *testing.T) {
	cp := needControlPlane(t)
	scheduler, err := cp.StartPlainScheduler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer scheduler.Kill()

	t.Run("PlainSchedulerSpreadsAGangOverRacks", func(t *testing.T) {
		s := newScene(t, scheduler, emptiestNodesApartNodes())
		emptiestNodesApart(s)
		s.createGang("gang", 4)
		members := s.waitBound("gang", 4, 20*time.Second)
		if found := racks(members); len(found) < 2 || found["rack-a"] > 0 {
			t.Errorf("the scene is too easy: without Phalanx the pods landed on %v", found)
		}
		s.waitFor(20*time.Second, "bound pods run", func() error {
			for _, p := range s.observer.Gang(s.namespace, "gang") {
				if p.Phase != "Running" {
					return fmt.Errorf("%s is %s", p.Name, p.Phase)
				}
			}
			return nil
		})
	})

	t.Run("PlainSchedulerStartsPartOfAGang", func(t *testing.T) {
		s := newScene(t, scheduler, harness.Racks(4, "rack-a"))
		s.fill(8, "8", "rack-a-n0")
		s.createGang("gang", 4)
		s.waitFor(20*time.Second, "three pods are bound", func() error {
			if n := s.observer.EverBound(s.namespace, "gang"); n != 3 {
				return fmt.Errorf("%d pods are bound", n)
			}
			return nil
		})
		// The observer must notice: it is the one that judges Phalanx.
		s.waitFor(20*time.Second, "the observer reports the partial gang", func() error {
			if violations := s.observer.Violations(); len(violations) != 1 {
				return fmt.Errorf("it says %q", violations)
			}
			return nil
		})
	})
}
