// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// TestResilience breaks what Phalanx depends on, mends it, and wants to see a gang placed afterwards; and never half a
// gang in between.
func TestResilience(t *testing.T) {
	cp := needPhalanx(t)
	phalanx := cluster.phalanx

	breaking := func(t *testing.T) *scene {
		s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b"))
		s.troubleExpected = true
		return s
	}

	t.Run("APIServerFreezesWhileAGangArrives", func(t *testing.T) {
		s := breaking(t)
		s.createGang("gang", 4)
		s.must(cp.APIServer.Freeze())
		err := answersFor(s.Context(), phalanx, 6*time.Second)
		s.must(cp.APIServer.Thaw())
		s.must(err)
		s.waitBound("gang", 4, time.Minute)
	})

	t.Run("APIServerIsKilledAndComesBack", func(t *testing.T) {
		s := breaking(t)
		cp.APIServer.Kill()
		err := answersFor(s.Context(), phalanx, 3*time.Second)
		s.must(cp.APIServer.Start())
		s.must(err)
		s.must(cp.WaitAPIServer(s.Context()))
		s.must(phalanx.WaitReady(s.Context(), time.Minute))
		s.createGang("gang", 4)
		s.waitBound("gang", 4, time.Minute)
	})

	t.Run("StartedBeforeTheAPIServer", func(t *testing.T) {
		s := breaking(t)
		if code := phalanx.Stop(20 * time.Second); code != 0 {
			t.Errorf("phalanx ended with %d on SIGTERM, want 0", code)
		}
		cp.APIServer.Kill()
		s.must(phalanx.Start())
		s.waitFor(10*time.Second, "/livez answers while there is no API server", func() error {
			return expectStatus(s.Context(), phalanx, "/livez", http.StatusOK)
		})
		err := expectStatus(s.Context(), phalanx, "/readyz", http.StatusServiceUnavailable)
		s.must(cp.APIServer.Start())
		s.must(err)
		s.must(cp.WaitAPIServer(s.Context()))
		s.must(phalanx.WaitReady(s.Context(), time.Minute))
		s.createGang("gang", 4)
		s.waitBound("gang", 4, time.Minute)
	})

	t.Run("KilledWhileAGangWaits", func(t *testing.T) {
		s := breaking(t)
		s.fill(8, "8", "rack-b-n0")
		s.createGang("gang", 8)
		s.neverBound("gang", 3*time.Second)
		phalanx.Kill()
		s.must(s.cp.DeletePod(s.Context(), s.namespace, "filler-rack-b-n0"))
		s.neverBound("gang", 2*time.Second)
		s.must(phalanx.Start())
		s.must(phalanx.WaitReady(s.Context(), 30*time.Second))
		s.waitBound("gang", 8, time.Minute)
	})

	t.Run("ARestartIsNoNews", func(t *testing.T) {
		s := breaking(t)
		s.createGang("runs", 4)
		s.waitBound("runs", 4, time.Minute)
		s.createGang("waits", 5)
		toldOnce := func() error {
			for gang, reason := range map[string]string{"runs": "GangPlaced", "waits": "GangWaiting"} {
				if told := s.told(gang, reason); told != 1 {
					return fmt.Errorf("%d Events %s about gang %s, want 1", told, reason, gang)
				}
			}
			return nil
		}
		s.waitFor(20*time.Second, "people are told", toldOnce)
		phalanx.Kill()
		s.must(phalanx.Start())
		s.waitFor(time.Minute, "Phalanx leads again", func() error {
			leads, err := phalanx.Metric(s.Context(), "phalanx_leader")
			if err == nil && leads != 1 {
				err = errors.New("it does not")
			}
			return err
		})
		s.never(5*time.Second, toldOnce)
	})

	t.Run("TokenExpiresAndIsReplaced", func(t *testing.T) {
		s := breaking(t)
		s.must(phalanx.RevokeToken(s.Context()))
		s.createGang("gang", 4)
		s.neverBound("gang", 5*time.Second)
		s.must(answersFor(s.Context(), phalanx, time.Second))
		s.must(phalanx.IssueToken(s.Context()))
		s.waitBound("gang", 4, 2*time.Minute)
	})

	t.Run("AskedForNothingElse", func(t *testing.T) { checkAudit(t) })
}

// answersFor returns an error if /livez fails to answer 200 at once at any time during the window.
func answersFor(ctx context.Context, phalanx *harness.Phalanx, window time.Duration) error {
	for end := time.Now().Add(window); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err := expectStatus(ctx, phalanx, "/livez", http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

func expectStatus(ctx context.Context, phalanx *harness.Phalanx, path string, want int) error {
	status, body, err := phalanx.Get(ctx, path)
	if err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("%s answers %d, want %d: %s", path, status, want, body)
	}
	return nil
}
