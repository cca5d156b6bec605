// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phalanx.dev/e2e/harness"
)

// The files that both sides read, and that a rotation replaces.
type tlsFiles struct {
	server harness.Pair // Phalanx's own
	ca     string       // of kube-scheduler's certificate
	client harness.Pair // kube-scheduler's own
	trust  string       // of Phalanx's certificate: kube-scheduler reads it once
}

// install puts the contents of some files into one, under its name at once, as the kubelet does with a Secret.
func install(t *testing.T, to string, from ...string) {
	t.Helper()
	var all bytes.Buffer
	for _, name := range from {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	if err := os.WriteFile(to+".new", all.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

// installPair replaces a certificate and its key at once: both lie in a folder that is a link, as in a mounted Secret.
func installPair(t *testing.T, to, from harness.Pair) {
	t.Helper()
	link := filepath.Dir(to.Certificate)
	folder, err := os.MkdirTemp(filepath.Dir(link), "data-")
	if err != nil {
		t.Fatal(err)
	}
	install(t, filepath.Join(folder, filepath.Base(to.Certificate)), from.Certificate)
	install(t, filepath.Join(folder, filepath.Base(to.Key)), from.Key)
	if err := os.Symlink(folder, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func issue(t *testing.T, authority *harness.Authority, name string, leaf harness.Leaf) harness.Pair {
	t.Helper()
	pair, err := authority.Issue(name, leaf)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestMutualTLS lets kube-scheduler call over TLS with client certificates: the right one binds a gang, all others are
// refused in the handshake, and everything is replaced under load without a failed call.
func TestMutualTLS(t *testing.T) {
	cp := needControlPlane(t)
	stepAside(t)
	binary, err := phalanxBinary()
	if err != nil {
		t.Fatal(err)
	}
	var authorities [2]*harness.Authority
	var servers, clients [2]harness.Pair
	for i := range authorities {
		if authorities[i], err = cp.NewAuthority(fmt.Sprintf("extender-ca-%d", i)); err != nil {
			t.Fatal(err)
		}
		servers[i] = issue(t, authorities[i], "server", harness.Leaf{CommonName: "phalanx", Server: true})
		clients[i] = issue(t, authorities[i], "client", harness.Leaf{CommonName: "system:kube-scheduler"})
	}
	dir := t.TempDir()
	files := tlsFiles{
		server: harness.Pair{Certificate: dir + "/server/tls.crt", Key: dir + "/server/tls.key"}, ca: dir + "/ca.crt",
		client: harness.Pair{Certificate: dir + "/client/tls.crt", Key: dir + "/client/tls.key"}, trust: dir + "/trust.crt",
	}
	installPair(t, files.server, servers[0])
	installPair(t, files.client, clients[0])
	install(t, files.ca, authorities[0].CA())
	install(t, files.trust, authorities[0].CA(), authorities[1].CA())

	phalanx, err := cp.StartPhalanxWith(t.Context(), binary, harness.PhalanxOptions{
		Name: "phalanx-tls", TLS: true, Edit: func(config string) string {
			return strings.Replace(config, "server:\n", fmt.Sprintf("server:\n  tls: {certificateFile: %s, keyFile: %s, "+
				"clientCAFile: %s, clientNames: ['system:kube-scheduler']}\n", files.server.Certificate, files.server.Key, files.ca), 1)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cluster.phalanx = phalanx
	t.Cleanup(func() {
		cluster.phalanx = nil
		if code := phalanx.Stop(20 * time.Second); code != 0 {
			t.Errorf("phalanx ended with %d on SIGTERM\n%s", code, phalanx.LogTail(20))
		}
		for _, fault := range phalanx.Faults() {
			t.Errorf("%s (log: %s)", fault, phalanx.LogPath)
		}
	})
	if err := phalanx.WaitReady(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	start := func(t *testing.T, name string, tls harness.ExtenderTLS) *harness.Scheduler {
		t.Helper()
		scheduler, err := cp.StartSchedulerWith(t.Context(), phalanx.URL, harness.SchedulerOptions{
			Name: "kube-scheduler-tls-" + name, Alone: true, Fast: true, TLS: &tls,
		})
		if err != nil {
			t.Fatal(err)
		}
		cluster.scheduler = scheduler
		t.Cleanup(func() {
			scheduler.Kill()
			cluster.scheduler = nil
		})
		return scheduler
	}

	foreign := issue(t, authorities[1], "foreign", harness.Leaf{CommonName: "system:kube-scheduler"})
	for _, bad := range []struct {
		name string
		tls  harness.ExtenderTLS
		says string // kube-scheduler, of the handshake
	}{
		{"missing", harness.ExtenderTLS{CA: files.trust}, "certificate required"},
		{"expired", harness.ExtenderTLS{CA: files.trust, Client: issue(t, authorities[0], "expired",
			harness.Leaf{CommonName: "system:kube-scheduler", Expired: true})}, "bad certificate"},
		{"foreign", harness.ExtenderTLS{CA: files.trust, Client: foreign}, "bad certificate"},
		{"other-name", harness.ExtenderTLS{CA: files.trust, Client: issue(t, authorities[0], "other-name",
			harness.Leaf{CommonName: "system:node:n1"})}, "bad certificate"},
		{"for-servers", harness.ExtenderTLS{CA: files.trust, Client: issue(t, authorities[0], "for-servers",
			harness.Leaf{CommonName: "system:kube-scheduler", Server: true})}, "bad certificate"},
		{"wrong-ca", harness.ExtenderTLS{CA: authorities[1].CA(), Client: clients[0]}, "certificate signed by unknown authority"},
	} {
		t.Run("Refused/"+bad.name, func(t *testing.T) {
			before, err := phalanx.Metric(t.Context(), `phalanx_http_refused_clients_total{listener="extender"}`)
			if err != nil {
				t.Fatal(err)
			}
			s := newScene(t, start(t, bad.name, bad.tls), harness.Racks(2, "r0"))
			s.troubleExpected = true
			s.createGang("gang", 2)
			s.waitFor(30*time.Second, "kube-scheduler has tried", func() error {
				for _, line := range s.scheduler.ExtenderTrouble(s.logStart) {
					if strings.Contains(line, bad.says) {
						return nil
					}
				}
				return fmt.Errorf("no line of its log says %q:\n%s", bad.says, s.scheduler.LogTail(5))
			})
			if bound, err := s.bound("gang"); err != nil || bound != 0 {
				t.Errorf("%d pods are bound (%v)", bound, err)
			}
			if after, err := phalanx.Metric(t.Context(), `phalanx_http_refused_clients_total{listener="extender"}`); err != nil || after <= before {
				t.Errorf("refused clients were %v, and now %v (%v)", before, after, err)
			}
		})
	}

	t.Run("RotationUnderLoad", func(t *testing.T) {
		s := newScene(t, start(t, "right", harness.ExtenderTLS{CA: files.trust, Client: files.client}), harness.Racks(4, rackNames(2)...))
		ctx, stop := context.WithCancel(t.Context())
		rotated := make(chan int, 1)
		go func() {
			rounds := 0
			for ctx.Err() == nil {
				next := (rounds + 1) % 2
				// The order in which somebody does it who wants no call to fail.
				install(t, files.ca, authorities[0].CA(), authorities[1].CA())
				sleep(ctx, 1500*time.Millisecond)
				installPair(t, files.client, clients[next])
				installPair(t, files.server, servers[next])
				sleep(ctx, 2500*time.Millisecond) // kube-scheduler reads its own again after a second
				install(t, files.ca, authorities[next].CA())
				sleep(ctx, 1500*time.Millisecond)
				rounds++
			}
			rotated <- rounds
		}()
		gangs, end := 0, time.Now().Add(25*time.Second)
		for ; time.Now().Before(end); gangs++ {
			name := fmt.Sprintf("gang-%d", gangs)
			s.createGang(name, 8)
			s.waitBound(name, 8, 30*time.Second)
			s.deleteGangs(name)
		}
		stop()
		rounds := <-rotated
		t.Logf("%d gangs of 8 while all certificates were replaced %d times", gangs, rounds)
		if rounds < 3 || gangs < 5 {
			t.Errorf("%d rounds and %d gangs say nothing", rounds, gangs)
		}
		// The scene reports whatever kube-scheduler has complained of.
	})
}

func sleep(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
