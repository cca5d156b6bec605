// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// allow gives Phalanx the rights of one of manifests/options until the test ends.
func allow(t *testing.T, cp *harness.ControlPlane, option string) {
	t.Helper()
	file := filepath.Join(cp.Manifests, "options", option)
	if _, err := cp.Kubectl(t.Context(), "apply", "-f", file); err != nil {
		t.Fatal(err)
	}
	cluster.options = append(cluster.options, option)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // the test's own is over
		defer cancel()
		if _, err := cp.Kubectl(ctx, "delete", "--ignore-not-found", "-f", file); err != nil {
			t.Error(err)
		}
	})
}

// TestSteeringByAnnotation forbids every write to pods/status, as a cluster without that right does. A gang whose last
// member comes late is then woken, steered and bound through annotations alone.
func TestSteeringByAnnotation(t *testing.T) {
	allow(t, needControlPlane(t), "annotation.yaml")
	i := intercept(t, func(config string) string {
		return config + "\nkubernetes:\n  steering: annotation\n"
	})
	s := newScene(t, i.scheduler, harness.Racks(4, "rack-a", "rack-b"))
	s.troubleExpected = true
	var status, annotations atomic.Int64
	i.api.Rule(func(x *harness.Exchange) harness.Verdict {
		switch {
		case strings.HasSuffix(x.Path, "/status"):
			status.Add(1)
			return harness.Verdict{Status: 403, Body: "{}"}
		case x.Call == harness.Other && strings.Contains(x.Path, "/namespaces/"+s.namespace+"/pods/"):
			annotations.Add(1)
		}
		return harness.Verdict{}
	})
	s.createAllButOne("gang", 4)
	s.createMember("gang", 3)
	pods := s.waitBound("gang", 4, 20*time.Second)
	if got := racks(pods); len(got) != 1 {
		t.Errorf("the gang is spread over racks %v, want one", got)
	}
	if status.Load() != 0 || annotations.Load() == 0 {
		t.Errorf("%d writes to pods/status, want none; %d annotations, want some", status.Load(), annotations.Load())
	}
}
