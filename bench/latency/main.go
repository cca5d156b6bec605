// SPDX-License-Identifier: Apache-2.0

// Gangs on a real control plane: how long from the moment the last pod is created until the last pod is bound. Start it
// with ./run; -h explains the flags.
//
// etcd, the API server, kube-scheduler and Phalanx run as they are shipped; nodes are objects that nobody tends to. The
// gangs come one after the other, or several at a time, onto a cluster that is empty but for them: each is deleted when
// it is bound. Both moments are this client's: when the answer to the last creation arrived, and when its watch showed
// the last binding.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"phalanx.dev/e2e/harness"
)

const (
	namespace    = "bench"
	nodesPerRack = 16
	patience     = 2 * time.Minute // for one gang
)

type options struct {
	nodes, full, gangs, waiting, overlap, gpus, traces, log int
	sizes                                                   []int
	late                                                    time.Duration
	fast, keep                                              bool
}

func main() {
	var o options
	var sizes string
	flag.IntVar(&o.nodes, "nodes", 500, "nodes of the cluster, 16 to a rack, 8 GPUs each")
	flag.IntVar(&o.full, "full", 0, "nodes that are full from the start")
	flag.IntVar(&o.waiting, "waiting", 0, "gangs of 16 that wait for a 17th pod all the time")
	flag.IntVar(&o.gangs, "gangs", 200, "gangs of each size")
	flag.StringVar(&sizes, "sizes", "4,16,64", "pods of a gang")
	flag.IntVar(&o.overlap, "overlap", 1, "gangs under way at a time")
	flag.IntVar(&o.gpus, "gpus", 8, "GPUs of a pod")
	flag.DurationVar(&o.late, "late", time.Second, "what takes longer is late")
	flag.IntVar(&o.traces, "traces", 0, "late gangs whose history is printed, pod by pod")
	flag.IntVar(&o.log, "log", 2, "verbosity of kube-scheduler's log")
	flag.BoolVar(&o.fast, "fast", false, "kube-scheduler without its limit of 50 requests a second")
	flag.BoolVar(&o.keep, "keep", false, "keep the directory with logs and data")
	flag.Parse()
	for _, word := range strings.Split(sizes, ",") {
		size, err := strconv.Atoi(word)
		if err != nil || size < 1 {
			fmt.Fprintf(os.Stderr, "bench/latency: %q is no size of a gang\n", word)
			os.Exit(2)
		}
		o.sizes = append(o.sizes, size)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/latency:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "phalanx-bench-")
	if err != nil {
		return err
	}
	if o.keep {
		fmt.Println("logs and data:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	manifests, err := filepath.Abs("../../manifests")
	if err != nil {
		return err
	}
	cp, err := harness.StartControlPlane(ctx, harness.Options{
		Binaries: os.Getenv("PHALANX_E2E_BINARIES"), Manifests: manifests, Dir: dir, Bare: true,
	})
	if err != nil {
		return err
	}
	defer cp.Stop()
	if err := prepare(ctx, cp, o.nodes, o.full); err != nil {
		return err
	}
	phalanx, err := cp.StartPhalanx(ctx, os.Getenv("PHALANX_BIN"))
	if err != nil {
		return err
	}
	defer phalanx.Kill()
	if err := phalanx.WaitReady(ctx, time.Minute); err != nil {
		return err
	}
	scheduler, err := cp.StartSchedulerWith(ctx, phalanx.URL, harness.SchedulerOptions{Alone: true, Fast: o.fast, Log: o.log})
	if err != nil {
		return err
	}
	defer scheduler.Kill()
	fmt.Printf("%d nodes; %d gangs of each size, %d at a time, %d GPUs to a pod; one machine for everything\n",
		o.nodes, o.gangs, o.overlap, o.gpus)
	fmt.Printf("seconds from the last pod created to the last pod bound\n%6s %6s %7s %7s %7s %7s   %s\n",
		"pods", "gangs", "p50", "p90", "p99", "max", "over "+o.late.String())
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	watcher, err := watchPods(watching, cp)
	if err != nil {
		return err
	}
	b := &bench{options: o, cp: cp, phalanx: phalanx, watcher: watcher}
	if err := b.crowd(ctx); err != nil {
		return err
	}
	for _, size := range o.sizes {
		if err := b.measure(ctx, size); err != nil {
			return fmt.Errorf("%w\n%s\n%s", err, phalanx.LogTail(10), scheduler.LogTail(10))
		}
	}
	for _, fault := range append(phalanx.Faults(), scheduler.Crashes()...) {
		return fmt.Errorf("%s", fault)
	}
	return nil
}

func prepare(ctx context.Context, cp *harness.ControlPlane, count, full int) error {
	if err := cp.InstallManifests(ctx); err != nil {
		return err
	}
	if err := cp.CreateNamespace(ctx, namespace); err != nil {
		return err
	}
	var racks []string
	for i := range (count + nodesPerRack - 1) / nodesPerRack {
		racks = append(racks, fmt.Sprintf("rack-%03d", i))
	}
	nodes := harness.Racks(nodesPerRack, racks...)[:count]
	if err := cp.CreateNodes(ctx, nodes); err != nil {
		return err
	}
	pods := make([]harness.Pod, full)
	for i := range pods { // all over the cluster
		node := nodes[i*count/full].Name
		pods[i] = harness.Pod{Name: "filler-" + node, GPUs: harness.GPUsPerNode, Node: node}
	}
	return cp.CreatePods(ctx, namespace, pods)
}

type bench struct {
	options
	cp      *harness.ControlPlane
	phalanx *harness.Phalanx
	watcher *watcher
	number  int
}

// crowd makes the gangs that wait, and prints how often kube-scheduler asks for them while nothing happens.
func (b *bench) crowd(ctx context.Context) error {
	const quiet = 10 * time.Second
	for i := range b.waiting {
		name := fmt.Sprintf("waiting-%05d", i)
		if err := b.createGang(ctx, name, 16, 17); err != nil {
			return err
		}
	}
	if b.waiting == 0 {
		return nil
	}
	time.Sleep(quiet)
	const calls = `phalanx_extender_requests_total{verb="filter",code="200"}`
	before, err := b.phalanx.Metric(ctx, calls)
	if err != nil {
		return err
	}
	time.Sleep(quiet)
	after, err := b.phalanx.Metric(ctx, calls)
	fmt.Printf("%d gangs wait; in a quiet second they are asked for %.1f times\n", b.waiting, (after-before)/quiet.Seconds())
	return err
}

// figures of Phalanx that tell how the gangs were brought to their places.
var figures = []string{
	`phalanx_nominations_repeated_total{why="taken_back"}`,
	`phalanx_nominations_repeated_total{why="timer"}`,
	`phalanx_writes_total{write="nomination",result="done"}`,
	`phalanx_writes_total{write="binding",result="done"}`,
	`phalanx_extender_requests_total{verb="filter",code="200"}`,
}

func (b *bench) figures(ctx context.Context) (values []float64, err error) {
	for _, name := range figures {
		value, err := b.phalanx.Metric(ctx, name)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// measure places all gangs of one size and prints how long they took.
func (b *bench) measure(ctx context.Context, size int) error {
	before, err := b.figures(ctx)
	if err != nil {
		return err
	}
	turns := make(chan string)
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	late := 0
	var workers sync.WaitGroup
	for range b.overlap {
		workers.Go(func() {
			for name := range turns {
				d, history, err := b.place(ctx, name, size)
				mu.Lock()
				if err != nil && failed == nil {
					failed = fmt.Errorf("gang %s of %d: %w", name, size, err)
				}
				took = append(took, d)
				if d > b.late {
					if late++; late <= b.traces {
						fmt.Printf("gang %s took %.3f s\n%s", name, d.Seconds(), history)
					}
				}
				mu.Unlock()
			}
		})
	}
	for range b.gangs {
		b.number++
		turns <- fmt.Sprintf("gang-%05d", b.number)
		mu.Lock()
		stop := failed != nil
		mu.Unlock()
		if stop {
			break
		}
	}
	close(turns)
	workers.Wait()
	if failed != nil {
		return failed
	}
	b.print(size, took, late)
	after, err := b.figures(ctx)
	if err != nil {
		return err
	}
	for i, name := range figures {
		fmt.Printf("         %10.0f  %s\n", after[i]-before[i], name)
	}
	return nil
}

func (b *bench) print(size int, took []time.Duration, late int) {
	slices.Sort(took)
	fmt.Printf("%6d %6d", size, len(took))
	for _, share := range []float64{0.5, 0.9, 0.99, 1} {
		fmt.Printf(" %7.3f", took[min(int(share*float64(len(took))), len(took)-1)].Seconds())
	}
	fmt.Printf("   %d\n", late)
}

// place creates a gang, waits until it is bound, and removes it.
func (b *bench) place(ctx context.Context, name string, size int) (time.Duration, string, error) {
	gang := b.watcher.expect(name, size)
	defer b.watcher.forget(name)
	if err := b.createGang(ctx, name, size, size); err != nil {
		return 0, "", err
	}
	created := time.Now()
	select {
	case <-gang.bound:
	case <-time.After(patience):
		return patience, "", fmt.Errorf("not bound within %s\n%s", patience, b.watcher.history(gang, created))
	}
	took := max(gang.boundAt.Sub(created), 0)
	if err := b.cp.DeletePodGroup(ctx, namespace, name); err != nil {
		return 0, "", err
	}
	if err := b.cp.DeletePods(ctx, namespace, harness.GroupSelector(name)); err != nil {
		return 0, "", err
	}
	select {
	case <-gang.gone:
	case <-time.After(patience):
		return 0, "", fmt.Errorf("its pods are not gone within %s", patience)
	}
	return took, b.watcher.history(gang, created), nil
}

func (b *bench) createGang(ctx context.Context, name string, size, quorum int) error {
	if err := b.cp.CreatePodGroup(ctx, namespace, name, quorum); err != nil {
		return err
	}
	pods := make([]harness.Pod, size)
	for i := range pods {
		pods[i] = harness.Pod{Name: fmt.Sprintf("%s-%03d", name, i), Group: name, GPUs: b.gpus}
	}
	return b.cp.CreatePods(ctx, namespace, pods)
}
