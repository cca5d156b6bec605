// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// TestManifests holds the shipped files against a real API server.
func TestManifests(t *testing.T) {
	cp := needControlPlane(t)
	ctx := t.Context()

	t.Run("AcceptedWithoutWarning", func(t *testing.T) {
		// The cluster has them already, so every object must come out unchanged: nothing is defaulted twice.
		out, err := cp.Kubectl(ctx, "apply", "--dry-run=server", "--warnings-as-errors", "-k", cp.Manifests)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			if !strings.Contains(line, " unchanged ") {
				t.Errorf("applied twice, it is not the same: %s", line)
			}
		}
		if out, err := cp.Kubectl(ctx, "apply", "--dry-run=server", "--warnings-as-errors", "--validate=strict",
			"-f", filepath.Join(cp.Manifests, "examples")); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})

	t.Run("PodIsAdmittedAsRestricted", func(t *testing.T) {
		pod := podOf(deployment(t, cp))
		options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
		if _, err := cp.Client.CoreV1().Pods(harness.Namespace).Create(ctx, pod, options); err != nil {
			t.Error(err)
		}
	})

	t.Run("PodGroupWithoutQuorumIsRefused", func(t *testing.T) {
		for _, minimum := range []int{0, -1} {
			if err := cp.CreatePodGroup(ctx, "default", "bad", minimum); err == nil {
				t.Errorf("a PodGroup with minMember %d is accepted", minimum)
			}
		}
	})

	t.Run("TokenSecretIsFilled", func(t *testing.T) {
		err := harness.Poll(ctx, 20*time.Second, func() error {
			secret, err := cp.Client.CoreV1().Secrets(harness.Namespace).Get(ctx, "phalanx-token", metav1.GetOptions{})
			if err != nil {
				return err
			}
			keys := slices.Sorted(maps.Keys(secret.Data))
			if want := []string{"ca.crt", "namespace", "token"}; !slices.Equal(keys, want) {
				return fmt.Errorf("its keys are %v, the Deployment mounts %v", keys, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func deployment(t *testing.T, cp *harness.ControlPlane) *appsv1.Deployment {
	t.Helper()
	d, err := cp.Client.AppsV1().Deployments(harness.Namespace).Get(t.Context(), "phalanx", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func podOf(d *appsv1.Deployment) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "from-deployment", Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
}

// TestProbes runs the probes of the shipped Deployment as the kubelet would, against the running daemon.
func TestProbes(t *testing.T) {
	cp := needPhalanx(t)
	for _, container := range deployment(t, cp).Spec.Template.Spec.Containers {
		if container.Name != "phalanx" {
			continue
		}
		probes := map[string]*corev1.Probe{
			"Startup": container.StartupProbe, "Liveness": container.LivenessProbe, "Readiness": container.ReadinessProbe,
		}
		for name, probe := range probes {
			t.Run(name, func(t *testing.T) {
				if err := runProbe(t.Context(), probe, cluster.phalanx.Operations); err != nil {
					t.Errorf("the daemon is up, the probe says: %v", err)
				}
				closed, err := harness.FreePort()
				if err != nil {
					t.Fatal(err)
				}
				if err := runProbe(t.Context(), probe, fmt.Sprintf("http://127.0.0.1:%d", closed)); err == nil {
					t.Error("the probe is content although nobody listens")
				}
			})
		}
	}
}

// runProbe asks as the kubelet does, at the address that the harness has chosen.
func runProbe(ctx context.Context, probe *corev1.Probe, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(probe.TimeoutSeconds)*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+probe.HTTPGet.Path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return errors.New(response.Status)
	}
	return nil
}

// TestPyTorchJob applies the shipped example: a gang that a Job controller makes, with ranks.
func TestPyTorchJob(t *testing.T) {
	cp := needPhalanx(t)
	s := newScene(t, cluster.scheduler, emptiestNodesApartNodes())
	emptiestNodesApart(s)
	_, err := cp.Kubectl(t.Context(), "apply", "-n", s.namespace, "-f", filepath.Join(cp.Manifests, "examples/pytorch-job.yaml"))
	s.must(err)
	members := s.waitBound("pytorch", 4, 30*time.Second)
	if found := racks(members); found["rack-a"] != 4 {
		t.Errorf("the job is spread over %v, all four pods fit into rack-a", found)
	}
	slices.SortFunc(members, func(a, b *harness.PodRecord) int { return a.Index - b.Index })
	for rank, p := range members {
		if p.Index != rank {
			t.Errorf("pod %s has completion index %d, want %d", p.Name, p.Index, rank)
		}
		t.Logf("rank %d: %s on %s", rank, p.Name, p.Node)
		// The nodes of the rack in name order are neighbours; a ring over the ranks goes once around.
		if want := fmt.Sprintf("rack-a-n%d", rank); p.Node != want {
			t.Errorf("rank %d is on %s, want %s", rank, p.Node, want)
		}
	}
	for _, p := range members {
		s.must(cp.CompletePod(t.Context(), s.namespace, p.Name))
	}
	s.waitFor(30*time.Second, "the Job is complete", func() error {
		job, err := cp.Client.BatchV1().Jobs(s.namespace).Get(t.Context(), "pytorch", metav1.GetOptions{})
		if err == nil && job.Status.Succeeded != 4 {
			err = fmt.Errorf("%d of 4 pods succeeded", job.Status.Succeeded)
		}
		return err
	})
}
