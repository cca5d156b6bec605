// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"phalanx.dev/e2e/harness"
)

// situation is one of test/cases, which also says what is right there: nothing of it is written down here.
type situation struct {
	Name, Gang string
	Objects    []map[string]any // what is there
	Applied    []map[string]any // what a user then applies
	GroupLast  bool             // the PodGroup when all pods are there
}

// resources are the kinds of objects that situations consist of.
var resources = map[string]schema.GroupVersionResource{
	"Node":          {Version: "v1", Resource: "nodes"},
	"Pod":           {Version: "v1", Resource: "pods"},
	"LimitRange":    {Version: "v1", Resource: "limitranges"},
	"Job":           {Group: "batch", Version: "v1", Resource: "jobs"},
	"RuntimeClass":  {Group: "node.k8s.io", Version: "v1", Resource: "runtimeclasses"},
	"PriorityClass": {Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"},
	"PodGroup":      harness.PodGroups,
}

// cases runs test/cases/live.py.
func cases(t *testing.T, input []byte, arguments ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{"../cases/live.py"}, arguments...)...)
	if reports, err := filepath.Abs("../../../shared/cases"); err == nil && os.Getenv("PHALANX_CASES") == "" {
		if _, err := os.Stat(reports); err == nil {
			cmd.Env = append(os.Environ(), "PHALANX_CASES="+reports)
		}
	}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

// TestSituations makes the situations that people have reported real, those in which something has to happen as time
// goes by, or must not. PHALANX_E2E_SITUATIONS names some of test/cases to be tried instead.
func TestSituations(t *testing.T) {
	cp := needPhalanx(t)
	out, err := cases(t, nil, append([]string{"show"}, strings.Fields(os.Getenv("PHALANX_E2E_SITUATIONS"))...)...)
	if err != nil {
		t.Fatal(err, out)
	}
	var all []situation
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there are no situations")
	}
	s := newScene(t, cluster.scheduler, nil)
	for namespace := range namespacesOf(all) {
		if err := cp.CreateNamespace(t.Context(), namespace); !apierrors.IsAlreadyExists(err) {
			s.must(err)
		}
	}
	for _, one := range all {
		t.Run(one.Name, func(t *testing.T) {
			here := *s
			here.T, here.namespace = t, "default"
			defer here.clear(&one)
			here.make(&one)
			seen := here.settled(one.Gang)
			if wrong, err := cases(t, seen, "judge", one.Name); err != nil {
				t.Errorf("%v: %s", err, wrong)
				here.dump()
			}
		})
	}
}

// namespacesOf are the namespaces of situations that a cluster does not have by itself. They stay: nothing is in them.
func namespacesOf(all []situation) map[string]bool {
	found := map[string]bool{}
	for _, one := range all {
		for _, object := range slices.Concat(one.Objects, one.Applied) {
			u := unstructured.Unstructured{Object: object}
			if namespace := u.GetNamespace(); namespace != "" && namespace != "default" {
				found[namespace] = true
			}
		}
	}
	return found
}

// make creates what is there, those first that have ended, since others may have their nodes now; and then applies what
// the user does.
func (s *scene) make(one *situation) {
	s.Helper()
	var ended, others []map[string]any
	nodes, admission := 0, false
	for _, object := range one.Objects {
		phase, _, _ := unstructured.NestedString(object, "status", "phase")
		switch kind := object["kind"]; {
		case kind == "Node":
			nodes++
			s.create(object)
		case kind != "Pod":
			admission = admission || kind != "PodGroup"
			s.create(object)
		case phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed):
			ended = append(ended, object)
		default:
			others = append(others, object)
		}
	}
	s.waitNodes(nodes)
	for _, pods := range [][]map[string]any{ended, others} {
		for _, pod := range pods {
			s.create(pod)
		}
		s.finish(pods)
	}
	if admission {
		time.Sleep(500 * time.Millisecond) // until the API server's own caches show them
	}
	var group map[string]any
	for _, object := range one.Applied {
		if one.GroupLast && object["kind"] == "PodGroup" {
			group = object
			continue
		}
		s.create(object)
	}
	if group != nil {
		count, since := 0, time.Now()
		s.waitFor(30*time.Second, "all pods are there", func() error {
			if now := len(s.observer.Gang("default", one.Gang)); now != count {
				count, since = now, time.Now()
			}
			if count == 0 || time.Since(since) < time.Second {
				return fmt.Errorf("%d are", count)
			}
			return nil
		})
		s.create(group)
	}
}

// create creates an object as `kubectl create` would, less what a cluster decides by itself.
func (s *scene) create(object map[string]any) {
	s.Helper()
	u := &unstructured.Unstructured{Object: object}
	u.SetUID("")
	unstructured.RemoveNestedField(object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(object, "spec", "suspend")      // Kueue has admitted it
	unstructured.RemoveNestedField(object, "status", "conditions") // of a node: kwok says when it is ready
	resource, known := resources[u.GetKind()]
	if !known {
		s.Fatalf("a %s in a situation", u.GetKind())
	}
	var err error
	if namespace := u.GetNamespace(); namespace != "" {
		_, err = s.cp.Dynamic.Resource(resource).Namespace(namespace).Create(s.Context(), u, metav1.CreateOptions{})
	} else {
		_, err = s.cp.Dynamic.Resource(resource).Create(s.Context(), u, metav1.CreateOptions{})
	}
	s.must(err)
}

// waitNodes returns when the nodes are ready and free of the taint that a new one carries.
func (s *scene) waitNodes(n int) {
	s.Helper()
	s.waitFor(30*time.Second, "the nodes are ready", func() error {
		list, err := s.cp.Client.CoreV1().Nodes().List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if !slices.ContainsFunc(list.Items[i].Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			}) {
				return fmt.Errorf("%s is not ready", list.Items[i].Name)
			}
			for _, taint := range list.Items[i].Spec.Taints {
				if strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
					return fmt.Errorf("%s has the taint %s", list.Items[i].Name, taint.Key)
				}
			}
		}
		if len(list.Items) != n {
			return fmt.Errorf("%d of %d are there", len(list.Items), n)
		}
		return nil
	})
}

// finish lets the pods end that have ended in the situation, well or not, and returns when those on nodes run or are done.
func (s *scene) finish(objects []map[string]any) {
	s.Helper()
	for _, object := range objects {
		u := unstructured.Unstructured{Object: object}
		node, _, _ := unstructured.NestedString(object, "spec", "nodeName")
		want, _, _ := unstructured.NestedString(object, "status", "phase")
		if _, err := s.cp.Client.CoreV1().Nodes().Get(s.Context(), node, metav1.GetOptions{}); node == "" || err != nil {
			continue // nobody runs it: it waits, or its node is gone
		}
		pods, start := s.cp.Client.CoreV1().Pods(u.GetNamespace()), time.Now()
		s.waitFor(30*time.Second, u.GetName()+" is "+want, func() error {
			pod, err := pods.Get(s.Context(), u.GetName(), metav1.GetOptions{})
			if err != nil || string(pod.Status.Phase) == want {
				return err
			}
			// kwok does not run every pod of a node whose name was there a moment ago.
			if pod.Status.Phase == corev1.PodRunning || time.Since(start) > 2*time.Second {
				pod.Status.Phase = corev1.PodPhase(want)
				_, err = pods.UpdateStatus(s.Context(), pod, metav1.UpdateOptions{})
			}
			return fmt.Errorf("it is %s: %v", pod.Status.Phase, err)
		})
	}
}

// settled returns what Phalanx says of the gang and where its pods are, once neither has changed for a while: time
// enough for a pod to be bound that should not be.
func (s *scene) settled(gang string) []byte {
	s.Helper()
	type view struct {
		Gang  map[string]any    `json:"gang"`
		Tree  string            `json:"tree"`
		Bound map[string]string `json:"bound"`
	}
	var last view
	since := time.Now()
	s.waitFor(40*time.Second, "the gang settles", func() error {
		now := view{Bound: map[string]string{}}
		path := "/api/v1/gangs/default/" + gang
		status, text, err := cluster.phalanx.Get(s.Context(), path)
		if err != nil || status != 200 {
			since = time.Now()
			return fmt.Errorf("%d %s %v", status, text, err)
		}
		if err := json.Unmarshal([]byte(text), &now.Gang); err != nil {
			return harness.Permanent(err)
		}
		if _, now.Tree, err = cluster.phalanx.Get(s.Context(), path+"?output=tree"); err != nil {
			return err
		}
		for _, p := range s.observer.Gang("default", gang) {
			if p.Node != "" && p.Phase != corev1.PodSucceeded && p.Phase != corev1.PodFailed {
				now.Bound[p.Name] = p.Node
			}
		}
		if state := now.Gang["state"]; state == "Held" || !reflect.DeepEqual(now, last) {
			last, since = now, time.Now()
		}
		if quiet := time.Since(since); quiet < 1200*time.Millisecond {
			return fmt.Errorf("%s, and quiet for %s only", last.Gang["state"], quiet)
		}
		return nil
	})
	seen, err := json.Marshal(last)
	s.must(err)
	return seen
}

// clear takes the situation away again.
func (s *scene) clear(one *situation) {
	ctx := s.Context()
	s.observer.Excuse("default", one.Gang) // whose members the situation itself has bound, some of them; it was judged
	s.must(s.cp.ClearWorkload(ctx, "default"))
	for namespace := range namespacesOf([]situation{*one}) {
		s.must(s.cp.ClearWorkload(ctx, namespace))
	}
	for _, object := range one.Objects {
		u := unstructured.Unstructured{Object: object}
		var err error
		switch resource := s.cp.Dynamic.Resource(resources[u.GetKind()]); u.GetKind() {
		case "RuntimeClass", "PriorityClass":
			err = resource.Delete(ctx, u.GetName(), metav1.DeleteOptions{})
		case "LimitRange":
			err = resource.Namespace(u.GetNamespace()).Delete(ctx, u.GetName(), metav1.DeleteOptions{})
		}
		s.must(err)
	}
	s.must(s.cp.ClearNodes(ctx))
	s.observer.Forget()
}
