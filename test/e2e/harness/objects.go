// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// GPU is the resource gangs ask for.
	GPU = corev1.ResourceName("nvidia.com/gpu")
	// GPUsPerNode is what every node of the suite has.
	GPUsPerNode = 8

	// RackLabel and BlockLabel are two levels of Phalanx's default topology.
	RackLabel  = "topology.kubernetes.io/rack"
	BlockLabel = "network.topology.nvidia.com/block"

	groupLabel         = "scheduling.x-k8s.io/pod-group"
	lightNameLabel     = "pod-group.scheduling.sigs.k8s.io/name"
	lightMinimumLabel  = "pod-group.scheduling.sigs.k8s.io/min-available"
	gangReadyTolerance = 10 * time.Second
)

// PodGroups is where PodGroup objects live.
var PodGroups = schema.GroupVersionResource{Group: "scheduling.x-k8s.io", Version: "v1alpha1", Resource: "podgroups"}

// Node describes a machine with 8 GPUs.
type Node struct {
	Name, Block, Rack string
}

// Racks makes nodes named <rack>-n0, <rack>-n1, ... in each of the racks, two racks to a block.
func Racks(nodesPerRack int, racks ...string) []Node {
	var nodes []Node
	for r, rack := range racks {
		for n := range nodesPerRack {
			nodes = append(nodes, Node{
				Name:  fmt.Sprintf("%s-n%d", rack, n),
				Block: fmt.Sprintf("block-%d", r/2),
				Rack:  rack,
			})
		}
	}
	return nodes
}

func (n Node) object(ready bool) *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("96"),
		corev1.ResourceMemory: resource.MustParse("1Ti"),
		corev1.ResourcePods:   resource.MustParse("110"),
		GPU:                   resource.MustParse(fmt.Sprint(GPUsPerNode)),
	}
	var conditions []corev1.NodeCondition
	if ready {
		conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Bench"}}
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: n.Name,
			Labels: map[string]string{
				corev1.LabelHostname: n.Name,
				RackLabel:            n.Rack,
				BlockLabel:           n.Block,
			},
		},
		Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity, Conditions: conditions},
	}
}

// CreateNodes creates nodes and returns when all are ready and free of the taints a new node carries.
func (cp *ControlPlane) CreateNodes(ctx context.Context, nodes []Node) error {
	err := inParallel(nodes, func(n Node) error {
		_, err := cp.Client.CoreV1().Nodes().Create(ctx, n.object(cp.Bare), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return Poll(ctx, time.Minute, func() error {
		if err := cp.crashed(); err != nil {
			return err
		}
		list, err := cp.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := 0
		for i := range list.Items {
			if nodeReady(&list.Items[i]) {
				ready++
			}
		}
		if ready != len(nodes) {
			return fmt.Errorf("%d of %d nodes are ready", ready, len(nodes))
		}
		return nil
	})
}

func nodeReady(n *corev1.Node) bool {
	if len(n.Spec.Taints) > 0 || n.Status.Allocatable[GPU] != resource.MustParse(fmt.Sprint(GPUsPerNode)) {
		return false
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Pod describes a pod. The zero values mean: no gang, no GPUs, a little CPU, placed by the scheduler.
type Pod struct {
	Name      string
	Group     string // PodGroup it belongs to
	Light     string // or gang declared by labels alone, with Minimum
	Minimum   int
	GPUs      int
	CPU       string
	Node      string // bound from the start, past any scheduler
	Scheduler string // SchedulerName when empty
	Edit      func(*corev1.Pod)
}

func (p Pod) object() *corev1.Pod {
	labels := map[string]string{"app": "e2e"}
	if p.Group != "" {
		labels[groupLabel] = p.Group
	}
	if p.Light != "" {
		labels[lightNameLabel] = p.Light
		labels[lightMinimumLabel] = fmt.Sprint(p.Minimum)
	}
	if p.CPU == "" {
		p.CPU = "100m"
	}
	if p.Scheduler == "" {
		p.Scheduler = SchedulerName
	}
	resources := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(p.CPU)}
	limits := corev1.ResourceList{}
	if p.GPUs > 0 {
		resources[GPU] = resource.MustParse(fmt.Sprint(p.GPUs))
		limits[GPU] = resources[GPU]
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: p.Name, Labels: labels},
		Spec: corev1.PodSpec{
			SchedulerName: p.Scheduler,
			NodeName:      p.Node,
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name:      "worker",
				Image:     "worker:1",
				Resources: corev1.ResourceRequirements{Requests: resources, Limits: limits},
			}},
		},
	}
	if p.Edit != nil {
		p.Edit(pod)
	}
	return pod
}

// CreatePod creates one pod.
func (cp *ControlPlane) CreatePod(ctx context.Context, namespace string, p Pod) error {
	_, err := cp.Client.CoreV1().Pods(namespace).Create(ctx, p.object(), metav1.CreateOptions{})
	return err
}

// CreatePods creates many pods, several at a time.
func (cp *ControlPlane) CreatePods(ctx context.Context, namespace string, pods []Pod) error {
	return inParallel(pods, func(p Pod) error { return cp.CreatePod(ctx, namespace, p) })
}

// inParallel does something with each of many objects, several at a time, and returns the first error.
func inParallel[T any](objects []T, do func(T) error) error {
	work := make(chan T)
	failed := make(chan error, len(objects))
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for object := range work {
				if err := do(object); err != nil {
					failed <- err
				}
			}
		})
	}
	for _, object := range objects {
		work <- object
	}
	close(work)
	workers.Wait()
	close(failed)
	return <-failed
}

// CreateIndexedJob creates a Job of n pods with completion indexes, each of a whole node, as members of a PodGroup.
func (cp *ControlPlane) CreateIndexedJob(ctx context.Context, namespace, name, group string, n int) error {
	return cp.CreateJob(ctx, namespace, name, n, Pod{Group: group, GPUs: GPUsPerNode, CPU: "8"})
}

// CreateJob creates a Job of n such pods with completion indexes.
func (cp *ControlPlane) CreateJob(ctx context.Context, namespace, name string, n int, p Pod) error {
	pod := p.object()
	count, mode := int32(n), batchv1.IndexedCompletion
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: batchv1.JobSpec{
			CompletionMode: &mode, Completions: &count, Parallelism: &count,
			Template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec},
		},
	}
	_, err := cp.Client.BatchV1().Jobs(namespace).Create(ctx, job, metav1.CreateOptions{})
	return err
}

// SetMinimum changes the quorum of a PodGroup.
func (cp *ControlPlane) SetMinimum(ctx context.Context, namespace, name string, minMember int) error {
	patch := fmt.Appendf(nil, `{"spec":{"minMember":%d}}`, minMember)
	_, err := cp.Dynamic.Resource(PodGroups).Namespace(namespace).Patch(ctx, name, types.MergePatchType, patch,
		metav1.PatchOptions{})
	return err
}

// toMap is an object as the API server sees it.
func toMap(object any) (map[string]any, error) {
	return runtime.DefaultUnstructuredConverter.ToUnstructured(object)
}

// CreatePodGroup creates a PodGroup with a quorum.
func (cp *ControlPlane) CreatePodGroup(ctx context.Context, namespace, name string, minMember int) error {
	return cp.createPodGroup(ctx, namespace, name, map[string]any{"minMember": int64(minMember)})
}

// CreatePodGroupWith creates a PodGroup whose members wait for each other no longer than seconds.
func (cp *ControlPlane) CreatePodGroupWith(ctx context.Context, namespace, name string, minMember, seconds int) error {
	spec := map[string]any{"minMember": int64(minMember), "scheduleTimeoutSeconds": int64(seconds)}
	return cp.createPodGroup(ctx, namespace, name, spec)
}

func (cp *ControlPlane) createPodGroup(ctx context.Context, namespace, name string, spec map[string]any) error {
	group := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": PodGroups.GroupVersion().String(),
		"kind":       "PodGroup",
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}}
	_, err := cp.Dynamic.Resource(PodGroups).Namespace(namespace).Create(ctx, group, metav1.CreateOptions{})
	return err
}

// GroupOf is the PodGroup a pod names, "" for none.
func GroupOf(pod *corev1.Pod) string { return pod.Labels[groupLabel] }

// GroupSelector selects the pods of a PodGroup.
func GroupSelector(group string) string { return groupLabel + "=" + group }

// DeletePodGroup deletes a PodGroup; its pods stay.
func (cp *ControlPlane) DeletePodGroup(ctx context.Context, namespace, name string) error {
	return cp.Dynamic.Resource(PodGroups).Namespace(namespace).Delete(ctx, name, deleteNow())
}

// DeletePod deletes a pod at once.
func (cp *ControlPlane) DeletePod(ctx context.Context, namespace, name string) error {
	return cp.Client.CoreV1().Pods(namespace).Delete(ctx, name, deleteNow())
}

// DeletePods deletes the pods with a label at once.
func (cp *ControlPlane) DeletePods(ctx context.Context, namespace, selector string) error {
	return cp.Client.CoreV1().Pods(namespace).DeleteCollection(ctx, deleteNow(), metav1.ListOptions{LabelSelector: selector})
}

// CompletePod lets a running pod end well.
func (cp *ControlPlane) CompletePod(ctx context.Context, namespace, name string) error {
	patch := []byte(`{"metadata":{"annotations":{"` + CompleteAnnotation + `":"true"}}}`)
	_, err := cp.Client.CoreV1().Pods(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

func deleteNow() metav1.DeleteOptions {
	now, background := int64(0), metav1.DeletePropagationBackground
	return metav1.DeleteOptions{GracePeriodSeconds: &now, PropagationPolicy: &background}
}

// CreateNamespace creates a namespace and returns when pods can be made in it.
func (cp *ControlPlane) CreateNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := cp.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil || cp.Bare {
		return err
	}
	return Poll(ctx, time.Minute, func() error {
		_, err := cp.Client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// Clear deletes the workload of a namespace, the namespace, and then all nodes, and returns when pods and nodes are
// gone.
func (cp *ControlPlane) Clear(ctx context.Context, namespace string) error {
	if err := cp.ClearWorkload(ctx, namespace); err != nil {
		return err
	}
	if err := cp.Client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return cp.ClearNodes(ctx)
}

// ClearWorkload deletes the Jobs, PodGroups and pods of a namespace, and returns when the pods are gone.
func (cp *ControlPlane) ClearWorkload(ctx context.Context, namespace string) error {
	all := metav1.ListOptions{}
	if err := cp.Client.BatchV1().Jobs(namespace).DeleteCollection(ctx, deleteNow(), all); err != nil {
		return err
	}
	if err := cp.Dynamic.Resource(PodGroups).Namespace(namespace).DeleteCollection(ctx, deleteNow(), all); err != nil &&
		!apierrors.IsNotFound(err) {
		return err
	}
	return Poll(ctx, time.Minute, func() error {
		if err := cp.Client.CoreV1().Pods(namespace).DeleteCollection(ctx, deleteNow(), all); err != nil {
			return err
		}
		pods, err := cp.Client.CoreV1().Pods(namespace).List(ctx, all)
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods are left in %s", len(pods.Items), namespace)
		}
		return err
	})
}

// ClearNodes deletes all nodes, and returns when they are gone.
func (cp *ControlPlane) ClearNodes(ctx context.Context) error {
	all := metav1.ListOptions{}
	return Poll(ctx, time.Minute, func() error {
		if err := cp.Client.CoreV1().Nodes().DeleteCollection(ctx, deleteNow(), all); err != nil {
			return err
		}
		nodes, err := cp.Client.CoreV1().Nodes().List(ctx, all)
		if err == nil && len(nodes.Items) > 0 {
			err = fmt.Errorf("%d nodes are left", len(nodes.Items))
		}
		return err
	})
}

// JSON is the pod as it is sent to the API server.
func (p Pod) JSON() (string, error) {
	pod := p.object()
	pod.APIVersion, pod.Kind = "v1", "Pod"
	text, err := json.Marshal(pod)
	return string(text), err
}

// CreateRaw creates an object from its JSON, byte for byte, at the path of its kind.
func (cp *ControlPlane) CreateRaw(ctx context.Context, path, json string) error {
	return cp.Client.CoreV1().RESTClient().Post().AbsPath(path).Body([]byte(json)).Do(ctx).Error()
}
