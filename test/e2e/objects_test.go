// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"phalanx.dev/e2e/harness"
)

// odd is a pod that the API server takes and a careless reader trips over. Where it runs from the start, what it takes
// has to be charged all the same.
type odd struct {
	name string
	edit func(*corev1.Pod)
	// raw, when there is one, makes of the pod's JSON what is sent: for what Go's types cannot say.
	raw func(json string) string
}

// deepFields is ownership of a field so many levels down: the one place of a pod where a user's JSON is kept as it is.
func deepFields(levels int) string {
	return strings.Repeat(`{"f:a":`, levels) + "{}" + strings.Repeat("}", levels)
}

var oddPods = []odd{
	{name: "a-nul", edit: func(p *corev1.Pod) {
		p.Annotations = map[string]string{"example.com/note": "before\x00after"}
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "\x00"}}
	}},
	{name: "many-tolerations", edit: func(p *corev1.Pod) {
		for i := range 65 {
			p.Spec.Tolerations = append(p.Spec.Tolerations,
				corev1.Toleration{Key: fmt.Sprintf("key-%d", i), Operator: corev1.TolerationOpExists})
		}
	}},
	{name: "many-labels-selected", edit: func(p *corev1.Pod) {
		p.Spec.NodeSelector = map[string]string{}
		for i := range 65 {
			p.Spec.NodeSelector[fmt.Sprintf("key-%d", i)] = "x"
		}
	}},
	{name: "many-values", edit: func(p *corev1.Pod) {
		var values []string
		for i := range 513 {
			values = append(values, fmt.Sprintf("v%d", i))
		}
		term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: "kubernetes.io/hostname", Operator: corev1.NodeSelectorOpNotIn, Values: values}}}
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}}}
	}},
	{name: "many-resources", edit: func(p *corev1.Pod) {
		r := &p.Spec.Containers[0].Resources
		for i := range 200 {
			name := corev1.ResourceName(fmt.Sprintf("a%03d.example.com/none", i))
			r.Requests[name], r.Limits[name] = resource.MustParse("1"), resource.MustParse("1")
		}
	}},
	{name: "boundless", edit: func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = resource.MustParse("9223372036854775807")
		p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy())
		p.Spec.Containers[1].Name = "more"
		delete(p.Spec.Containers[1].Resources.Requests, harness.GPU)
		delete(p.Spec.Containers[1].Resources.Limits, harness.GPU)
	}},
	// 1.3 MB as it is stored, 7.8 MB as the API server writes it: <
	{name: "long-when-escaped", edit: func(p *corev1.Pod) {
		p.Spec.Containers[0].Args = []string{"LONG"}
	}, raw: func(json string) string {
		return strings.Replace(json, "LONG", strings.Repeat("<", 1300000), 1)
	}},
	{name: "deep", edit: func(p *corev1.Pod) {}, raw: func(json string) string {
		entry := `"managedFields":[{"manager":"odd","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1",` +
			`"time":"2026-01-01T00:00:00Z","fieldsV1":` + deepFields(3000) + `}],`
		return strings.Replace(json, `"metadata":{`, `"metadata":{`+entry, 1)
	}},
}

// createOdd creates one of oddPods. It tells whether the API server took it: not every version takes them all.
func (s *scene) createOdd(o odd, p harness.Pod) bool {
	p.Name, p.Edit = "odd-"+o.name, o.edit
	if o.raw == nil {
		s.createPod(p)
		return true
	}
	text, err := p.JSON()
	s.must(err)
	err = s.cp.CreateRaw(s.Context(), "/api/v1/namespaces/"+s.namespace+"/pods", o.raw(text))
	if err != nil {
		s.Logf("the API server does not take it: %.300v", err)
	}
	return err == nil
}

// TestOddObjects: one object that cannot be read, or not wholly, costs that object.
func TestOddObjects(t *testing.T) {
	needPhalanx(t)
	for _, o := range oddPods {
		t.Run(o.name, func(t *testing.T) { testOdd(t, o) })
	}
}

func testOdd(t *testing.T, o odd) {
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b"))
	s.troubleExpected = o.raw != nil // it is large: it may arrive behind what is made after it
	// On rack-a-n0, past every scheduler. Where there is no kubelet it stays there, whatever it asks for.
	if !s.createOdd(o, harness.Pod{GPUs: 8, Node: "rack-a-n0"}) {
		return
	}
	start := time.Now()
	s.createGang("neighbour", 4)
	s.waitBound("neighbour", 4, 20*time.Second)
	t.Logf("a gang of 4 beside it is bound after %.2f s", time.Since(start).Seconds())
	// Three nodes are left, and nothing of the odd one is free.
	s.createGang("one-too-many", 4)
	s.waitFor(20*time.Second, "the gang is one node short", func() error {
		_, text, err := cluster.phalanx.Get(s.Context(), "/api/v1/gangs/"+s.namespace+"/one-too-many")
		if err == nil && !shortByOne.MatchString(text) {
			err = fmt.Errorf("not short by 1: %s", text)
		}
		return err
	})
	s.must(s.cp.DeletePod(s.Context(), s.namespace, "odd-"+o.name))
	s.waitBound("one-too-many", 4, time.Minute)
}

// TestListsInPages: a gang as ever where everything is asked for in pages, compressed, and not as a stream.
func TestListsInPages(t *testing.T) {
	i := intercept(t, func(config string) string { return config + "\nkubernetes:\n  lists: pages\n" })
	s := newScene(t, i.scheduler, harness.Racks(4, "rack-a", "rack-b"))
	s.createGang("gang", 4)
	s.waitBound("gang", 4, 20*time.Second)
	if lists := i.api.Seen(harness.List); lists < 4 {
		t.Errorf("%d lists, want one of each of four kinds", lists)
	}
}
