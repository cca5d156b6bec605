// SPDX-License-Identifier: Apache-2.0

// Package extendertypes proves the wire format against kube-scheduler's own types: requests are marshalled
// from k8s.io/kube-scheduler/extender/v1, answered by Phalanx's codec (the program EXTENDER_TOOL), and the
// replies are read back into the same package.
package extendertypes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
)

func run(t *testing.T, body []byte, arguments ...string) ([]byte, error) {
	t.Helper()
	tool := os.Getenv("EXTENDER_TOOL")
	if tool == "" {
		t.Fatal("EXTENDER_TOOL names no program")
	}
	command := exec.Command(tool, arguments...)
	command.Stdin = bytes.NewReader(body)
	var stderr strings.Builder
	command.Stderr = &stderr
	reply, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return reply, nil
}

// knows tells whether every member of `text` is there in `again` under exactly that name; Go itself ignores case.
func knows(text, again any) bool {
	switch value := text.(type) {
	case map[string]any:
		object, _ := again.(map[string]any)
		for name, member := range value {
			if other, ok := object[name]; !ok || !knows(member, other) {
				return false
			}
		}
	case []any:
		list, _ := again.([]any)
		for i, element := range value {
			if i >= len(list) || !knows(element, list[i]) {
				return false
			}
		}
	}
	return true
}

func generic(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// ask sends a request and decodes the reply as kube-scheduler does. Nothing may follow it, and it may not have
// members that Go does not write itself, or would have to match regardless of case.
func ask(t *testing.T, request, reply any, arguments ...string) {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := run(t, body, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(reply); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if rest := len(text) - int(decoder.InputOffset()); rest != 0 {
		t.Fatalf("%d bytes follow the value: %s", rest, text)
	}
	again, err := json.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	if !knows(generic(t, text), generic(t, again)) {
		t.Fatalf("%s is not how Go writes it: %s", text, again)
	}
}

func fullPod() *corev1.Pod {
	priority := int32(1000)
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:              "train-worker-3",
			Namespace:         "ml",
			UID:               "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
			ResourceVersion:   "123456",
			CreationTimestamp: metav1.NewTime(time.Unix(1790000000, 0)),
			Labels:            map[string]string{"job": "train", "odd<&>": "\u00fc\u2028\U0001f389"},
			Annotations:       map[string]string{"name": "not the name", "uid": "\"quoted\\\"\t\u0001"},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "kubeflow.org/v1", Kind: "PyTorchJob", Name: "train", UID: "owner-uid", Controller: &yes},
			},
		},
		Spec: corev1.PodSpec{
			SchedulerName: "default-scheduler",
			Priority:      &priority,
			NodeSelector:  map[string]string{"gpu": "h100"},
			Tolerations:   []corev1.Toleration{{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name:  "main",
				Image: "registry/train:1",
				Env:   []corev1.EnvVar{{Name: "metadata", Value: "{\"uid\":\"nested\"}"}},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					"nvidia.com/gpu": resource.MustParse("8"), "cpu": resource.MustParse("1500m"),
				}},
			}},
		},
		Status: corev1.PodStatus{
			Phase:             corev1.PodPending,
			NominatedNodeName: "node-7",
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 <nodes>"},
			},
		},
	}
}

func names(names ...string) *extenderv1.ExtenderArgs {
	return &extenderv1.ExtenderArgs{Pod: fullPod(), NodeNames: &names}
}

func nodes(names ...string) *extenderv1.ExtenderArgs {
	list := &corev1.NodeList{}
	for _, name := range names {
		list.Items = append(list.Items, corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}},
			Status: corev1.NodeStatus{
				Allocatable: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("8")},
				Images:      []corev1.ContainerImage{{Names: []string{"a", "b"}, SizeBytes: 1 << 40}},
			},
		})
	}
	return &extenderv1.ExtenderArgs{Pod: fullPod(), Nodes: list}
}

func TestRequestIsUnderstood(t *testing.T) {
	for _, request := range []*extenderv1.ExtenderArgs{names("a", "b<c>", "\u00fc"), nodes("a", "b<c>", "\u00fc")} {
		var seen struct {
			UID, Name, Namespace, Nominated string
			Pod                             *corev1.Pod
			Nodes                           []string
		}
		ask(t, request, &seen, "describe")
		pod := request.Pod
		if seen.UID != string(pod.UID) || seen.Name != pod.Name || seen.Namespace != pod.Namespace ||
			seen.Nominated != pod.Status.NominatedNodeName {
			t.Errorf("%+v", seen)
		}
		again, _ := json.Marshal(seen.Pod)
		if sent, _ := json.Marshal(pod); !bytes.Equal(again, sent) {
			t.Errorf("the Pod came back as %s", again)
		}
		if !slices.Equal(seen.Nodes, []string{"a", "b<c>", "\u00fc"}) {
			t.Errorf("%q", seen.Nodes)
		}
	}
}

// TestCompatibility of the package itself promises that lower-case members keep working.
func TestLowerCaseMembers(t *testing.T) {
	body, err := json.Marshal(names("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Pod", "Nodes", "NodeNames"} {
		body = bytes.Replace(body, []byte(`"`+name+`":`), []byte(`"`+strings.ToLower(name)+`":`), 1)
	}
	reply, err := run(t, body, "filter-one", "1")
	if err != nil {
		t.Fatal(err)
	}
	var result extenderv1.ExtenderFilterResult
	if err := json.Unmarshal(reply, &result); err != nil || !slices.Equal(*result.NodeNames, []string{"b"}) {
		t.Errorf("%v %s", err, reply)
	}
}

func TestFilterByNames(t *testing.T) {
	reason := "gang ml/train: needs 2 more \"H100\" <nodes>\n\u00fc"
	for _, test := range []struct {
		request   *extenderv1.ExtenderArgs
		arguments []string
		want      []string
		failed    []string
	}{
		{names("a", "b", "c"), []string{"filter-all"}, []string{"a", "b", "c"}, nil},
		{names("a", "b", "a", "a"), []string{"filter-all"}, []string{"a", "b"}, nil},
		{names("a", "b", "c"), []string{"filter-one", "2"}, []string{"c"}, nil},
		{names("a", "b<", "c", "d>"), []string{"filter-odd", reason}, []string{"b<", "d>"}, []string{"a", "c"}},
		{names("a", "b", "c"), []string{"filter-odd"}, []string{"b"}, nil},
		{names("a", "a<", "a<"), []string{"filter-none", reason}, []string{}, []string{"a", "a<"}},
		{names(), []string{"filter-all"}, []string{}, nil},
		{&extenderv1.ExtenderArgs{Pod: fullPod()}, []string{"filter-all"}, []string{}, nil},
	} {
		var result extenderv1.ExtenderFilterResult
		ask(t, test.request, &result, test.arguments...)
		if result.Error != "" || result.Nodes != nil || result.NodeNames == nil {
			t.Errorf("%v: %+v", test.arguments, result)
			continue
		}
		if !slices.Equal(*result.NodeNames, test.want) {
			t.Errorf("%v: %q instead of %q", test.arguments, *result.NodeNames, test.want)
		}
		if len(result.FailedNodes) != 0 || len(result.FailedAndUnresolvableNodes) != len(test.failed) {
			t.Errorf("%v: failed %v %v", test.arguments, result.FailedNodes, result.FailedAndUnresolvableNodes)
		}
		for _, name := range test.failed {
			if result.FailedAndUnresolvableNodes[name] != reason {
				t.Errorf("%s: %q", name, result.FailedAndUnresolvableNodes[name])
			}
		}
	}
}

func TestFilterByNodes(t *testing.T) {
	request := nodes("a", "b", "c", "b")
	var result extenderv1.ExtenderFilterResult
	ask(t, request, &result, "filter-odd", "why")
	if result.Error != "" || result.NodeNames != nil || result.Nodes == nil || len(result.Nodes.Items) != 1 {
		t.Fatalf("%+v", result)
	}
	if !reflect.DeepEqual(result.Nodes.Items[0].Labels, request.Nodes.Items[1].Labels) ||
		!result.Nodes.Items[0].Status.Allocatable["nvidia.com/gpu"].Equal(resource.MustParse("8")) {
		t.Errorf("%+v", result.Nodes.Items[0])
	}
	if want := (extenderv1.FailedNodesMap{"a": "why", "c": "why"}); !reflect.DeepEqual(result.FailedAndUnresolvableNodes, want) {
		t.Errorf("%v", result.FailedAndUnresolvableNodes)
	}
	result = extenderv1.ExtenderFilterResult{}
	ask(t, nodes(), &result, "filter-all")
	if result.Nodes == nil || len(result.Nodes.Items) != 0 {
		t.Errorf("%+v", result)
	}
}

func TestFilterError(t *testing.T) {
	var result extenderv1.ExtenderFilterResult
	ask(t, names("a"), &result, "filter-error", "no \"good\" \u00fc")
	if result.Error != "no \"good\" \u00fc" || result.NodeNames != nil || result.Nodes != nil {
		t.Errorf("%+v", result)
	}
}

func TestPrioritize(t *testing.T) {
	for _, request := range []*extenderv1.ExtenderArgs{names("a", "b&"), nodes("a", "b&")} {
		var list extenderv1.HostPriorityList
		ask(t, request, &list, "prioritize", "1")
		if want := (extenderv1.HostPriorityList{{Host: "b&", Score: extenderv1.MaxExtenderPriority}}); !reflect.DeepEqual(list, want) {
			t.Errorf("%+v", list)
		}
		ask(t, request, &list, "prioritize")
		if list == nil || len(list) != 0 {
			t.Errorf("%+v", list)
		}
	}
}

func TestBind(t *testing.T) {
	request := &extenderv1.ExtenderBindingArgs{PodName: "p", PodNamespace: "ns", PodUID: types.UID("u"), Node: "n"}
	var result extenderv1.ExtenderBindingResult
	ask(t, request, &result, "bind")
	if result.Error != "" {
		t.Errorf("%+v", result)
	}
	ask(t, request, &result, "bind", "hold expired")
	if result.Error != "hold expired: ns/p u n" {
		t.Errorf("%+v", result)
	}
}

func TestPreempt(t *testing.T) {
	victim := fullPod()
	meta := map[string]*extenderv1.MetaVictims{
		"a": {Pods: []*extenderv1.MetaPod{{UID: "u1"}, {UID: "u<2>"}}, NumPDBViolations: 3},
		"b": {Pods: []*extenderv1.MetaPod{{UID: "u3"}}, NumPDBViolations: 1 << 40},
	}
	var result extenderv1.ExtenderPreemptionResult
	ask(t, &extenderv1.ExtenderPreemptionArgs{Pod: fullPod(), NodeNameToMetaVictims: meta}, &result, "preempt")
	if !reflect.DeepEqual(result.NodeNameToMetaVictims, meta) {
		t.Errorf("%+v", result)
	}
	full := map[string]*extenderv1.Victims{
		"a":    {Pods: []*corev1.Pod{victim, nil}, NumPDBViolations: 2},
		"none": {Pods: nil},
		"null": nil,
	}
	result = extenderv1.ExtenderPreemptionResult{}
	ask(t, &extenderv1.ExtenderPreemptionArgs{Pod: fullPod(), NodeNameToVictims: full}, &result, "preempt")
	want := map[string]*extenderv1.MetaVictims{
		"a": {Pods: []*extenderv1.MetaPod{{UID: string(victim.UID)}}, NumPDBViolations: 2},
	}
	if !reflect.DeepEqual(result.NodeNameToMetaVictims, want) {
		t.Errorf("%+v", result.NodeNameToMetaVictims)
	}
	result = extenderv1.ExtenderPreemptionResult{}
	ask(t, &extenderv1.ExtenderPreemptionArgs{Pod: fullPod()}, &result, "preempt")
	if result.NodeNameToMetaVictims == nil || len(result.NodeNameToMetaVictims) != 0 {
		t.Errorf("%+v", result)
	}
}

func TestThousandsOfNodes(t *testing.T) {
	var list []string
	for i := range 20000 {
		list = append(list, fmt.Sprintf("gpu-node-%06d", i))
	}
	var result extenderv1.ExtenderFilterResult
	ask(t, names(list...), &result, "filter-all")
	if !slices.Equal(*result.NodeNames, list) {
		t.Errorf("%d names came back", len(*result.NodeNames))
	}
	ask(t, names(list...), &result, "filter-none", "full")
	if len(*result.NodeNames) != 0 || len(result.FailedAndUnresolvableNodes) != 1000 {
		t.Errorf("%d names, %d reasons", len(*result.NodeNames), len(result.FailedAndUnresolvableNodes))
	}
}
