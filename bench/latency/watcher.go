// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"phalanx.dev/e2e/harness"
)

// watcher follows the pods of the gangs under way.
type watcher struct {
	mu    sync.Mutex
	gangs map[string]*gang
}

// gang is what the watch has shown of one.
type gang struct {
	size    int
	nodes   map[string]string // by pod, "" once it is gone
	count   int               // pods seen bound
	left    int               // pods not gone yet
	boundAt time.Time
	bound   chan struct{}
	gone    chan struct{}
	events  []event
}

// event is one state of one pod.
type event struct {
	at        time.Time
	pod       string
	nominated string
	condition string
	node      string
}

// watchPods begins to watch; it ends with the program.
func watchPods(ctx context.Context, cp *harness.ControlPlane) (*watcher, error) {
	w := &watcher{gangs: map[string]*gang{}}
	list, err := cp.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	stream, err := cp.Client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return nil, err
	}
	go w.follow(ctx, cp, stream, list.ResourceVersion)
	return w, nil
}

// follow goes on where a stream ended, as the API server ends each after some time.
func (w *watcher) follow(ctx context.Context, cp *harness.ControlPlane, stream watch.Interface, version string) {
	for {
		for e := range stream.ResultChan() {
			if pod, ok := e.Object.(*corev1.Pod); ok {
				version = pod.ResourceVersion
				w.see(pod, e.Type == watch.Deleted)
			}
		}
		var err error
		stream, err = cp.Client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: version})
		if err != nil {
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "bench/latency: the watch is lost:", err)
			}
			return
		}
	}
}

func (w *watcher) expect(name string, size int) *gang {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := &gang{size: size, left: size, nodes: map[string]string{}, bound: make(chan struct{}), gone: make(chan struct{})}
	w.gangs[name] = g
	return g
}

func (w *watcher) forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.gangs, name)
}

func (w *watcher) see(pod *corev1.Pod, deleted bool) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.gangs[harness.GroupOf(pod)]
	if g == nil {
		return
	}
	if deleted {
		if g.left--; g.left == 0 {
			close(g.gone)
		}
		return
	}
	e := event{at: now, pod: pod.Name, nominated: pod.Status.NominatedNodeName, node: pod.Spec.NodeName}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			e.condition = fmt.Sprintf("%s %s %.100s", c.Status, c.Reason, c.Message)
		}
	}
	g.events = append(g.events, e)
	if e.node != "" && g.nodes[e.pod] == "" {
		g.nodes[e.pod] = e.node
		if g.count++; g.count == g.size {
			g.boundAt = now
			close(g.bound)
		}
	}
}

// history tells what happened to the pods that were bound last and first, in milliseconds after start.
func (w *watcher) history(g *gang, start time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out strings.Builder
	last := map[string]time.Time{}
	var names []string
	for _, e := range g.events {
		if last[e.pod].IsZero() {
			names = append(names, e.pod)
		}
		if e.nominated != "" || e.node == "" {
			last[e.pod] = e.at
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return last[b].Compare(last[a]) })
	for _, name := range names[:min(len(names), 3)] {
		for _, e := range g.events {
			if e.pod == name {
				fmt.Fprintf(&out, "  %8.1f ms  %s  nominated=%q node=%q %s\n",
					float64(e.at.Sub(start).Microseconds())/1000, e.pod, e.nominated, e.node, e.condition)
			}
		}
	}
	return out.String()
}
