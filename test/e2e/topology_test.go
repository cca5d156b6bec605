// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// needJobSet starts the real JobSet controller until the test ends.
func needJobSet(t *testing.T, cp *harness.ControlPlane) *harness.JobSetController {
	t.Helper()
	build := exec.CommandContext(t.Context(), "./build-jobset")
	build.Stderr = os.Stderr
	out, err := build.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip("the Go module of JobSet cannot be had")
	}
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.Fields(string(out))
	controller, err := cp.StartJobSet(t.Context(), paths[0], paths[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := controller.End(ctx); err != nil {
			t.Error(err)
		}
		for _, crash := range controller.Crashes() {
			t.Error(crash)
		}
	})
	return controller
}

// TestJobSetExclusiveTopology is about JobSet's exclusive placement, on the real controller: each Job has a rack for
// itself. Its webhooks let the followers of a Job be created when its leader is on a node, so the leaders are what starts.
func TestJobSetExclusiveTopology(t *testing.T) {
	cp := needPhalanx(t)
	controller := needJobSet(t, cp)
	s := newScene(t, cluster.scheduler, harness.Racks(2, "rack-a", "rack-b", "rack-c"))
	t.Cleanup(func() { // before the scene ends: they would make their pods again
		if t.Failed() {
			t.Log(controller.LogTail(30))
		}
		s.must(cp.DeleteJobSets(context.Background(), s.namespace, "train", "next"))
	})
	create := func(name string, minimum int) {
		s.must(cp.CreatePodGroup(t.Context(), s.namespace, name, minimum))
		pod := harness.Pod{Group: name, GPUs: 8, CPU: "8"}
		s.must(cp.CreateExclusiveJobSet(t.Context(), s.namespace, name, harness.RackLabel, 2, 2, pod))
	}

	t.Run("AQuorumOfAllPodsCanNotBe", func(t *testing.T) {
		create("train", 4)
		s.waitRefused("train", 2, regexp.MustCompile(`2 of 4.*exclusive-topology|exclusive-topology.*2 of 4`), nil)
	})
	t.Run("LeadersStartInARackEachAndTheirFollowersCome", func(t *testing.T) {
		s.must(cp.SetMinimum(t.Context(), s.namespace, "train", 2))
		members := s.waitBound("train", 4, 30*time.Second)
		of := map[string]string{}
		for _, p := range members {
			job := p.Name[:strings.LastIndex(p.Name, "-")] // less the random end …
			job = job[:strings.LastIndex(job, "-")]        // … and the index
			if rack := rackOf(p.Node); of[job] == "" {
				of[job] = rack
			} else if of[job] != rack {
				t.Errorf("%s has pods in %s and in %s", job, of[job], rack)
			}
		}
		if len(of) != 2 || of["train-workers-0"] == of["train-workers-1"] {
			t.Errorf("the Jobs are in %v, each wants a rack for itself", of)
		}
		t.Logf("%v", of)
	})
	t.Run("AnotherOneWaitsForTwoRacks", func(t *testing.T) {
		create("next", 2)
		s.neverBound("next", 3*time.Second)
		s.must(cp.DeleteJobSets(t.Context(), s.namespace, "train"))
		s.waitBound("next", 4, 30*time.Second)
	})
}
