// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// startTime is how long a gang may take that has all the nodes it needs. On a quiet machine it is bound within a
// second, which the log shows; what must not happen is that it waits for something to run out, 30 s or 60 s later.
const startTime = 10 * time.Second

// TestMembersApart is about gangs whose members exclude each other, or pods that are there already: two of them would
// fit on a node, kube-scheduler lets but one of them in.
func TestMembersApart(t *testing.T) {
	needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b", "rack-c", "rack-d"))
	each := func(name string, run func(s *scene)) { s.each(t, name, run) }

	each("HostPort", func(s *scene) {
		s.createAlike("gang", 16, withPort)
		apart(s, s.waitStarted("gang", 16), nodeOf)
	})
	each("HostPortOfOneTooMany", func(s *scene) {
		s.createAlike("gang", 17, withPort)
		s.waitRefused("gang", 17, regexp.MustCompile(`short by 1 of 17 pods.*host port`), regexp.MustCompile(`nvidia.com/gpu`))
	})
	each("AntiAffinityOnTheNode", func(s *scene) {
		s.createAlike("gang", 16, awayFrom(corev1.LabelHostname, "role", "gang"))
		apart(s, s.waitStarted("gang", 16), nodeOf)
	})
	each("SpreadOverTheRacks", func(s *scene) {
		s.createAlike("gang", 8, spreadOver(harness.RackLabel))
		for rack, count := range racks(s.waitStarted("gang", 8)) {
			if count != 2 {
				s.Errorf("%d of 8 pods are in %s, of four racks each has to have 2", count, rack)
			}
		}
	})
}

// TestRacksApart is the same of racks, and of pods that are there already.
func TestRacksApart(t *testing.T) {
	needPhalanx(t)
	s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a", "rack-b", "rack-c", "rack-d"))
	each := func(name string, run func(s *scene)) { s.each(t, name, run) }

	each("AntiAffinityOnTheRack", func(s *scene) {
		s.createAlike("gang", 4, awayFrom(harness.RackLabel, "role", "gang"))
		apart(s, s.waitStarted("gang", 4), rackOf)
	})
	each("AntiAffinityAgainstAPodThatIsThere", func(s *scene) {
		s.standing("database", "rack-a-n1", nil)
		s.createAlike("gang", 8, awayFrom(harness.RackLabel, "role", "database"))
		s.notInRack(s.waitStarted("gang", 8), "rack-a")
	})
	each("APodThatIsThereKeepsTheRackToItself", func(s *scene) {
		s.standing("hermit", "rack-a-n1", awayFrom(harness.RackLabel, "role", "gang"))
		s.createAlike("gang", 8, nil)
		s.notInRack(s.waitStarted("gang", 8), "rack-a")
	})
}

// each runs one of several tests in the same scene, and clears away its pods and its PodGroup "gang".
func (s *scene) each(t *testing.T, name string, run func(s *scene)) {
	t.Run(name, func(t *testing.T) {
		here := *s
		here.T = t
		run(&here)
		here.deleteWorkload("gang")
	})
}

// createAlike creates a gang of n pods of 4 GPUs, half a node each, with the label role=<name>.
func (s *scene) createAlike(name string, n int, edit func(*corev1.Pod)) {
	s.Helper()
	s.must(s.cp.CreatePodGroup(s.Context(), s.namespace, name, n))
	for i := range n {
		s.createPod(harness.Pod{Name: fmt.Sprintf("%s-%d", name, i), Group: name, GPUs: 4, Edit: func(p *corev1.Pod) {
			p.Labels["role"] = name
			if edit != nil {
				edit(p)
			}
		}})
	}
}

// standing puts a pod with the label role=<name> on a node, past the scheduler.
func (s *scene) standing(name, node string, edit func(*corev1.Pod)) {
	s.Helper()
	s.createPod(harness.Pod{Name: name, Node: node, Edit: func(p *corev1.Pod) {
		p.Labels["role"] = name
		if edit != nil {
			edit(p)
		}
	}})
}

// deleteWorkload deletes all pods of the namespace and the groups, and returns when they are gone.
func (s *scene) deleteWorkload(groups ...string) {
	s.Helper()
	for _, group := range groups {
		s.must(s.cp.DeletePodGroup(s.Context(), s.namespace, group))
	}
	s.must(s.cp.DeletePods(s.Context(), s.namespace, ""))
	s.waitFor(30*time.Second, "the pods are gone", func() error {
		if left := len(s.observer.Pods(s.namespace, nil)); left > 0 {
			return fmt.Errorf("%d pods are left", left)
		}
		return nil
	})
	s.observer.Forget()
}

func withPort(p *corev1.Pod) {
	p.Spec.HostNetwork = true
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 7777, HostPort: 7777}}
}

func affinityTo(key, label, value string) []corev1.PodAffinityTerm {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{label: value}}
	return []corev1.PodAffinityTerm{{LabelSelector: selector, TopologyKey: key}}
}

// awayFrom keeps a pod out of the domains that hold a pod with the label.
func awayFrom(key, label, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		away := &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: affinityTo(key, label, value)}
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: away}
	}
}

// beside keeps a pod in a domain that holds a pod with the label.
func beside(key, label, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		with := &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: affinityTo(key, label, value)}
		p.Spec.Affinity = &corev1.Affinity{PodAffinity: with}
	}
}

// spreadOver lets the pods of a gang differ by one between any two domains.
func spreadOver(key string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"role": p.Labels["role"]}},
		}}
	}
}

// waitStarted is waitBound for a gang that nothing keeps from starting.
func (s *scene) waitStarted(gang string, n int) []*harness.PodRecord {
	s.Helper()
	return s.waitBound(gang, n, startTime)
}

// waitRefused returns when all members of a gang say why they wait, and fails the test if one of them has been bound.
func (s *scene) waitRefused(gang string, n int, because, never *regexp.Regexp) {
	s.Helper()
	s.waitFor(startTime, "all members say why they wait", func() error {
		members := s.observer.Gang(s.namespace, gang)
		for _, p := range members {
			if message := p.Message(); p.Reason != "Unschedulable" || !because.MatchString(message) {
				return fmt.Errorf("%s is %s: %q, want %q", p.Name, p.Reason, message, because)
			}
		}
		if len(members) != n {
			return fmt.Errorf("%d of %d members are there", len(members), n)
		}
		return nil
	})
	s.never(2*time.Second, func() error {
		for _, p := range s.observer.Gang(s.namespace, gang) {
			if never != nil && never.MatchString(p.Message()) {
				return fmt.Errorf("%s is told %q, which is not the reason", p.Name, p.Message())
			}
		}
		if bound := s.observer.EverBound(s.namespace, gang); bound > 0 {
			return fmt.Errorf("%d members of gang %s have been bound", bound, gang)
		}
		return nil
	})
}

func nodeOf(node string) string { return node }

// apart fails the test if two members share a domain.
func apart(s *scene, members []*harness.PodRecord, domainOf func(node string) string) {
	s.Helper()
	holder := map[string]string{}
	for _, p := range members {
		domain := domainOf(p.Node)
		if other := holder[domain]; other != "" {
			s.Errorf("%s and %s are both in %s", other, p.Name, domain)
		}
		holder[domain] = p.Name
	}
}

func (s *scene) notInRack(members []*harness.PodRecord, rack string) {
	s.Helper()
	for _, p := range members {
		if rackOf(p.Node) == rack {
			s.Errorf("%s is on %s, of which it has to keep away", p.Name, p.Node)
		}
	}
}
