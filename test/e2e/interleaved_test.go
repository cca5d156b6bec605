// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// holdTimeout is gangs.holdTimeout in the shipped configuration.
const holdTimeout = 30 * time.Second

// TestInterleaved lets two gangs of 8 whose pods arrive in turn compete for 8 nodes, round after round: one is placed
// whole, the other not at all, and when the first is gone the second is. PHALANX_E2E_ROUNDS says how many rounds;
// without it there are as many as fit into 20 s.
func TestInterleaved(t *testing.T) {
	needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b"))
	const n = 8
	rounds, _ := strconv.Atoi(os.Getenv("PHALANX_E2E_ROUNDS"))
	var first, second []time.Duration
	wins := map[string]int{}
	for round, start := 1, time.Now(); round <= rounds || rounds == 0 && time.Since(start) < 20*time.Second; round++ {
		red, blue := fmt.Sprintf("red-%d", round), fmt.Sprintf("blue-%d", round)
		turns := []string{red, blue}
		if round%2 == 0 { // who is complete first
			turns = []string{blue, red}
		}
		for i := range n {
			for _, gang := range turns {
				// Labels alone, so that the observer knows the quorum from the first pod on.
				s.createPod(harness.Pod{Name: fmt.Sprintf("%s-%d", gang, i), Light: gang, Minimum: n, GPUs: 8, CPU: "8"})
			}
		}
		complete := time.Now()
		winner := s.waitWhole(holdTimeout, n, red, blue)
		first = append(first, time.Since(complete))
		loser := map[string]string{red: blue, blue: red}[winner]
		wins[winner[:3]]++
		s.deleteLight(winner)
		gone := time.Now()
		s.waitWhole(holdTimeout, n, loser)
		second = append(second, time.Since(gone))
		s.deleteLight(loser)
		if violations := s.observer.Violations(); len(violations) > 0 {
			t.Fatalf("round %d: %q", round, violations)
		}
		s.observer.Forget()
	}
	t.Logf("%d rounds; red was first %d times; from the last pod created to one gang whole: %s; to the other whole, "+
		"from when that was gone: %s", len(first), wins["red"], spread(first), spread(second))
}

// deleteLight deletes the pods of a gang that is declared by labels alone, and returns when they are gone.
func (s *scene) deleteLight(gang string) {
	s.Helper()
	s.must(s.cp.DeletePods(s.Context(), s.namespace, "pod-group.scheduling.sigs.k8s.io/name="+gang))
	s.waitFor(30*time.Second, "the pods are gone", func() error {
		if left := len(s.observer.Gang(s.namespace, gang)); left > 0 {
			return fmt.Errorf("%d pods of %s are left", left, gang)
		}
		return nil
	})
}
