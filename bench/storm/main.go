// SPDX-License-Identifier: Apache-2.0

// A large cluster in which much happens: how long kube-scheduler waits for the answer to a filter call meanwhile, and how
// long Phalanx takes for an event. Start it with ./run.
//
// Phalanx runs against a simulated API server (apiserver.go) on loopback, so that events come in on the real path: list,
// watch, decoding, the two threads. Gangs wait all the time; now and then room is made for one, whose members are then
// nominated, vote and are bound as with kube-scheduler (scheduler.go, storm.go).
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type options struct {
	nodes, pods, gangs, shapes, members int
	events, filters, sampled            int
	every, life, seconds                time.Duration
	patience, sync                      time.Duration
	seed                                uint64
	program, log                        string
	check                               bool
}

func main() {
	var o options
	flag.IntVar(&o.nodes, "nodes", 100000, "nodes, 8 GPUs each")
	flag.IntVar(&o.pods, "pods", 500000, "pods that are bound, as many on every node")
	flag.IntVar(&o.gangs, "gangs", 200, "gangs that wait")
	flag.IntVar(&o.shapes, "shapes", 100, "different shapes of their pods")
	flag.IntVar(&o.members, "members", 16, "pods of a gang")
	flag.IntVar(&o.events, "events", 1000, "watch events a second")
	flag.IntVar(&o.filters, "filters", 100, "filter calls a second")
	flag.IntVar(&o.sampled, "sampled", 5000, "nodes of a filter call that is no vote")
	flag.DurationVar(&o.every, "every", 2*time.Second, "time from room for one gang to room for the next")
	flag.DurationVar(&o.life, "life", 5*time.Second, "how long a gang runs")
	flag.DurationVar(&o.seconds, "seconds", 30*time.Second, "how long it is measured")
	flag.DurationVar(&o.patience, "patience", 30*time.Second, "for one call; what is not answered by then is \"never\"")
	flag.DurationVar(&o.sync, "sync", 10*time.Minute, "patience until Phalanx is ready")
	flag.Uint64Var(&o.seed, "seed", 1, "of what happens")
	flag.StringVar(&o.program, "program", os.Getenv("PHALANX_BIN"), "phalanx")
	flag.StringVar(&o.log, "log", "", "keep Phalanx's log there")
	flag.BoolVar(&o.check, "check", false, "fail unless events take at most 20 ms and filter calls 5 ms, 99 of 100")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/storm:", err)
		os.Exit(1)
	}
}

// start runs Phalanx against the API server; stop ends it.
func start(o options, server, folder string) (address string, stop func(), err error) {
	kubeconfig := filepath.Join(folder, "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '%s'}}]\n"+
		"users: [{name: u, user: {}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n", server)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	port := filepath.Join(folder, "port")
	command := exec.Command(o.program, "serve", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--port-file", port)
	path := o.log
	if path == "" {
		path = filepath.Join(folder, "log")
	}
	log, err := os.Create(path)
	if err != nil {
		return "", nil, err
	}
	command.Stderr = log
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(15*time.Second, func() { _ = command.Process.Kill() })
		_ = command.Wait()
		timer.Stop()
		log.Close()
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(port); err == nil {
			return "http://127.0.0.1:" + strings.TrimSpace(string(text)), stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return "", nil, errors.New("phalanx does not start: see its log")
		}
	}
}

// waitReady waits until everything is listed, and has been planned as far as it goes.
func waitReady(o options, address string) error {
	client := &http.Client{Timeout: o.sync}
	for deadline := time.Now().Add(o.sync); ; time.Sleep(100 * time.Millisecond) {
		response, err := client.Get(address + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == 200 {
				break
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %v", o.sync)
		}
	}
	for begin := time.Now(); time.Since(begin) < o.sync; time.Sleep(100 * time.Millisecond) {
		asked := time.Now()
		response, err := client.Get(address + "/livez")
		if err == nil {
			response.Body.Close()
			if time.Since(asked) < 50*time.Millisecond && time.Since(begin) > 5*time.Second {
				return nil
			}
		}
	}
	return errors.New("it never becomes quiet")
}

func memory(samples map[string]float64) string {
	return fmt.Sprintf("%.0f nodes, %.0f pods", samples["phalanx_nodes"], samples["phalanx_pods"])
}

func run(o options) error {
	if o.program == "" || o.pods/max(o.nodes, 1) <= fillPods {
		return errors.New("PHALANX_BIN must name the program, and there must be more than two pods a node")
	}
	folder, err := os.MkdirTemp("", "phalanx-storm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c := newCluster(o)
	for i := range o.gangs {
		c.newGang(i)
	}
	server, err := serveAPI(c)
	if err != nil {
		return err
	}
	defer c.close()
	begin := time.Now()
	address, stop, err := start(o, server, folder)
	if err != nil {
		return err
	}
	defer stop()
	if err := waitReady(o, address); err != nil {
		return err
	}
	const applies = "phalanx_engine_apply_duration_seconds"
	before, samples, err := scrape(address, applies, o.patience)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d gangs of %d pods of %d shapes wait; ready after %.1f s\n", memory(samples), o.gangs, o.members, o.shapes,
		time.Since(begin).Seconds())
	s := newScheduler(c, address)
	t := newStorm(c, s)
	finish, failed := make(chan struct{}), make(chan error, 1)
	machine := &times{name: "the machine: a pause of 1 ms ends late"}
	go t.run(finish)
	go noise(machine, finish)
	go func() { failed <- s.schedule(finish) }()
	var broken error
	select {
	case broken = <-failed:
	case <-time.After(o.seconds):
	}
	close(finish)
	last := time.Now()
	after, _, err := scrape(address, applies, o.patience)
	behind := &times{name: "the metrics, right behind the last event"}
	if err != nil {
		behind.miss()
	} else {
		behind.add(time.Since(last))
	}
	if broken == nil {
		select {
		case broken = <-failed: // the call that is still open counts, too
		case <-time.After(o.patience):
		}
	}
	print(o, s, t, machine, behind)
	if err != nil {
		return errors.Join(broken, err)
	}
	after.since(before).print("one event or call in the engine")
	if o.check {
		broken = errors.Join(broken, check(s, after.since(before)))
	}
	return broken
}

func print(o options, s *scheduler, t *storm, machine, behind *times) {
	s.cluster.Lock()
	fmt.Printf("%d events told in %v (%d a second), room for %d gangs, %d placed, %d votes refused\n\n", t.told, o.seconds,
		t.told/max(int(o.seconds.Seconds()), 1), len(s.decision.taken)+boolToInt(!t.freed.IsZero()), s.placed, s.refused)
	s.cluster.Unlock()
	fmt.Printf("  %-58s %7s  %9s %9s %9s\n", "milliseconds", "times", "p50", "p99", "max")
	for _, one := range []*times{machine, &s.ordinary, &s.member, &s.vote, &s.decision, behind} {
		one.print()
	}
}

func check(s *scheduler, events histogram) error {
	var broken []error
	for _, one := range []*times{&s.ordinary, &s.member, &s.vote} {
		if p99 := one.at(0.99); p99 < 0 || p99 > 5*time.Millisecond {
			broken = append(broken, fmt.Errorf("%s: p99 is above 5 ms", one.name))
		}
	}
	if events.within(20) < 0.99*events.count() {
		broken = append(broken, errors.New("events: p99 is above 20 ms"))
	}
	return errors.Join(broken...)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
