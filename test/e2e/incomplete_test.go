// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// TestIncomplete lets the Binding of a gang's last member be refused for good, again and again. With the policy evict, the
// members that were bound are evicted after gangs.repair.timeout, so that the gang is absent rather than incomplete.
func TestIncomplete(t *testing.T) {
	allow(t, needControlPlane(t), "evict.yaml")
	i := intercept(t, func(config string) string {
		return strings.Replace(config, "gangs:\n", "gangs:\n  repair: {timeout: 3s, onTimeout: evict}\n", 1)
	})
	s := newScene(t, i.scheduler, harness.Racks(4, "rack-a"))
	s.troubleExpected = true
	s.observer.Tolerate(recoveryTime)
	t.Cleanup(func() { s.observer.Tolerate(0) })
	i.api.Rule(func(x *harness.Exchange) harness.Verdict {
		if x.Call == harness.Binding && x.Number > 3 {
			return harness.Verdict{Status: 403, Body: "{}"}
		}
		return harness.Verdict{}
	})
	s.createGang("gang", 4)
	s.waitFor(20*time.Second, "three members are bound", func() error {
		if bound := s.observer.EverBound(s.namespace, "gang"); bound != 3 {
			return fmt.Errorf("%d are", bound)
		}
		return nil
	})
	s.waitFor(30*time.Second, "they are evicted", func() error {
		bound, err := s.bound("gang")
		if err == nil && bound > 0 {
			err = fmt.Errorf("%d are still bound", bound)
		}
		return err
	})
	s.observer.Excuse(s.namespace, "gang")
	if left := len(s.observer.Gang(s.namespace, "gang")); left != 1 {
		t.Errorf("%d members are left, want the one that was never bound", left)
	}
}
