// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Observer watches every pod of the cluster from its creation on and checks, at every event:
//
//   - no node holds pods that together ask for more GPUs than it has;
//   - a gang of which one pod is bound has its whole quorum bound within gangReadyTolerance, or what Tolerate says.
//
// It also keeps what tests ask about: when each pod was bound and what its PodScheduled condition has said.
type Observer struct {
	cp     *ControlPlane
	cancel context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex
	pods       map[types.UID]*PodRecord
	onNode     map[string]map[types.UID]*PodRecord
	gangs      map[string]*gangRecord
	tolerance  time.Duration
	violations []string
}

// PodRecord is what the observer knows of one pod.
type PodRecord struct {
	Namespace, Name string
	Gang            string // namespace/name, empty without one
	Index           int    // completion index of a Job's pod, -1 without one
	Node            string
	GPUs            int64
	Phase           corev1.PodPhase
	CreatedAt       time.Time // when the observer first saw it
	BoundAt         time.Time
	Reason          string   // of the condition PodScheduled
	Messages        []string // of the condition PodScheduled, each time it changed
	Deleted         bool
}

// Message is what PodScheduled says now.
func (p *PodRecord) Message() string {
	if len(p.Messages) == 0 {
		return ""
	}
	return p.Messages[len(p.Messages)-1]
}

type gangRecord struct {
	name    string // namespace/name
	minimum int    // from the label of its lightweight form, else 0 until the PodGroup has been read
	bound   map[types.UID]time.Time
	decided bool // the quorum was bound, or the violation has been reported
}

// Observe starts watching.
func (cp *ControlPlane) Observe() *Observer {
	ctx, cancel := context.WithCancel(context.Background())
	o := &Observer{
		cp: cp, cancel: cancel, done: make(chan struct{}),
		pods: map[types.UID]*PodRecord{}, onNode: map[string]map[types.UID]*PodRecord{},
		gangs: map[string]*gangRecord{}, tolerance: gangReadyTolerance,
	}
	go o.run(ctx)
	return o
}

// Stop ends the watch.
func (o *Observer) Stop() {
	o.cancel()
	<-o.done
}

func (o *Observer) run(ctx context.Context) {
	defer close(o.done)
	for ctx.Err() == nil {
		list, err := o.cp.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		if err == nil {
			o.replace(list.Items)
			o.follow(ctx, list.ResourceVersion)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// follow applies events until the watch ends, and looks at the gangs in between.
func (o *Observer) follow(ctx context.Context, resourceVersion string) {
	w, err := o.cp.Client.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{ResourceVersion: resourceVersion})
	if err != nil {
		return
	}
	defer w.Stop()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case event, ok := <-w.ResultChan():
			if !ok || event.Type == watch.Error {
				return
			}
			if pod, ok := event.Object.(*corev1.Pod); ok {
				o.apply(pod, event.Type == watch.Deleted)
			}
		case now := <-tick.C:
			o.checkGangs(ctx, now)
		}
	}
}

// replace takes a whole list as one step: the order inside it means nothing, so nothing is checked halfway.
func (o *Observer) replace(pods []corev1.Pod) {
	o.mu.Lock()
	defer o.mu.Unlock()
	present := map[types.UID]bool{}
	nodes := map[string]bool{}
	for i := range pods {
		present[pods[i].UID] = true
		nodes[o.record(&pods[i]).Node] = true
	}
	for uid, p := range o.pods {
		p.Deleted = p.Deleted || !present[uid]
	}
	for node := range nodes {
		o.checkNode(node)
	}
}

func (o *Observer) apply(pod *corev1.Pod, deleted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.record(pod)
	p.Deleted = deleted
	o.checkNode(p.Node)
}

func (o *Observer) record(pod *corev1.Pod) *PodRecord {
	now := time.Now()
	p := o.pods[pod.UID]
	if p == nil {
		p = &PodRecord{Namespace: pod.Namespace, Name: pod.Name, Gang: gangOf(pod), Index: -1, CreatedAt: now}
		if index, err := strconv.Atoi(pod.Labels["batch.kubernetes.io/job-completion-index"]); err == nil {
			p.Index = index
		}
		for _, c := range pod.Spec.Containers {
			gpus := c.Resources.Requests[GPU]
			p.GPUs += gpus.Value()
		}
		o.pods[pod.UID] = p
	}
	p.Phase = pod.Status.Phase
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			p.Reason = c.Reason
			if p.Message() != c.Message {
				p.Messages = append(p.Messages, c.Message)
			}
		}
	}
	if p.Node == "" && pod.Spec.NodeName != "" {
		p.Node, p.BoundAt = pod.Spec.NodeName, now
		if o.onNode[p.Node] == nil {
			o.onNode[p.Node] = map[types.UID]*PodRecord{}
		}
		o.onNode[p.Node][pod.UID] = p
		if p.Gang != "" {
			o.gang(pod, p.Gang).bound[pod.UID] = now
		}
	}
	return p
}

func gangOf(pod *corev1.Pod) string {
	for _, label := range []string{groupLabel, lightNameLabel} {
		if name := pod.Labels[label]; name != "" {
			return pod.Namespace + "/" + name
		}
	}
	return ""
}

func (o *Observer) gang(pod *corev1.Pod, name string) *gangRecord {
	g := o.gangs[name]
	if g == nil {
		g = &gangRecord{name: name, bound: map[types.UID]time.Time{}}
		g.minimum, _ = strconv.Atoi(pod.Labels[lightMinimumLabel])
		o.gangs[name] = g
	}
	return g
}

func (o *Observer) checkNode(node string) {
	if node == "" {
		return
	}
	var used int64
	var who []string
	for _, p := range o.onNode[node] {
		if p.GPUs > 0 && !p.Deleted && p.Phase != corev1.PodSucceeded && p.Phase != corev1.PodFailed {
			used += p.GPUs
			who = append(who, p.Namespace+"/"+p.Name)
		}
	}
	if used > GPUsPerNode {
		slices.Sort(who)
		o.violations = append(o.violations, fmt.Sprintf("%s: node %s has %d GPUs, its pods ask for %d: %v",
			time.Now().Format(time.TimeOnly), node, GPUsPerNode, used, who))
	}
}

func (o *Observer) checkGangs(ctx context.Context, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, g := range o.gangs {
		if g.decided {
			continue
		}
		if g.minimum == 0 {
			o.mu.Unlock()
			minimum := o.readMinimum(ctx, g.name)
			o.mu.Lock()
			g.minimum = minimum
		}
		first := now
		for _, at := range g.bound {
			if at.Before(first) {
				first = at
			}
		}
		switch {
		case g.minimum > 0 && len(g.bound) >= g.minimum:
			g.decided = true
		case g.minimum > 0 && now.Sub(first) > o.tolerance:
			g.decided = true
			o.violations = append(o.violations, fmt.Sprintf("%s: gang %s has %d of %d members bound for more than %s",
				now.Format(time.TimeOnly), g.name, len(g.bound), g.minimum, o.tolerance))
		}
	}
}

func (o *Observer) readMinimum(ctx context.Context, gang string) int {
	namespace, name, _ := strings.Cut(gang, "/")
	group, err := o.cp.Dynamic.Resource(PodGroups).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0
	}
	minimum, _, _ := unstructured.NestedInt64(group.Object, "spec", "minMember")
	return int(minimum)
}

// Tolerate changes for how long a gang may be bound in part, for tests that break what would finish it; 0 is the usual
// time again.
func (o *Observer) Tolerate(tolerance time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tolerance = cmp.Or(tolerance, gangReadyTolerance)
}

// Excuse takes a gang out of judgement, from now on: its test has made sure that it cannot become whole.
func (o *Observer) Excuse(namespace, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if g := o.gangs[namespace+"/"+name]; g != nil {
		g.decided = true
	}
}

// Forget drops the records of pods that are gone, and of their gangs. A gang whose pods went before it was whole is
// judged first: what was bound in part stays a violation.
func (o *Observer) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	alive := map[string]bool{}
	for uid, p := range o.pods {
		if p.Deleted {
			delete(o.onNode[p.Node], uid)
			delete(o.pods, uid)
		} else {
			alive[p.Gang] = true
		}
	}
	for name, g := range o.gangs {
		if alive[name] {
			continue
		}
		if !g.decided && g.minimum > 0 && len(g.bound) < g.minimum {
			o.violations = append(o.violations, fmt.Sprintf("%s: gang %s ended with %d of %d members bound",
				time.Now().Format(time.TimeOnly), g.name, len(g.bound), g.minimum))
		}
		delete(o.gangs, name)
	}
}

// Pods returns copies of the records of a namespace's living pods for which keep says yes, by name. A nil keep takes
// all.
func (o *Observer) Pods(namespace string, keep func(*PodRecord) bool) []*PodRecord {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []*PodRecord
	for _, p := range o.pods {
		if p.Namespace == namespace && !p.Deleted && (keep == nil || keep(p)) {
			record := *p
			record.Messages = slices.Clone(p.Messages)
			found = append(found, &record)
		}
	}
	slices.SortFunc(found, func(a, b *PodRecord) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// Gang returns the living members of a gang, by name.
func (o *Observer) Gang(namespace, name string) []*PodRecord {
	gang := namespace + "/" + name
	return o.Pods(namespace, func(p *PodRecord) bool { return p.Gang == gang })
}

// EverBound is the number of pods of a gang that have been bound, those that are gone by now included.
func (o *Observer) EverBound(namespace, name string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if g := o.gangs[namespace+"/"+name]; g != nil {
		return len(g.bound)
	}
	return 0
}

// Violations returns what has gone against an invariant since the last call.
func (o *Observer) Violations() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	violations := o.violations
	o.violations = nil
	return violations
}
