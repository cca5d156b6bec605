// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

// shippedRules is the whole of what Phalanx may do, written down a second time: a change of rbac.yaml has to be made
// here as well, on purpose.
var shippedRules = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"nodes", "pods"}, Verbs: []string{"get", "list", "watch"}},
	{APIGroups: []string{"scheduling.x-k8s.io"}, Resources: []string{"podgroups"}, Verbs: []string{"get", "list", "watch"}},
	{APIGroups: []string{"resource.k8s.io"}, Resources: []string{"resourceslices"}, Verbs: []string{"get", "list", "watch"}},
	{APIGroups: []string{""}, Resources: []string{"pods/binding"}, Verbs: []string{"create"}},
	{APIGroups: []string{""}, Resources: []string{"pods/status"}, Verbs: []string{"patch"}},
	{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create"}},
}

// leaseRules are what it may do in its own namespace beside that: take part in the election over one Lease.
var leaseRules = []rbacv1.PolicyRule{
	{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create"}},
	{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{"phalanx"},
		Verbs: []string{"get", "update"}},
}

// optionRules are what the files under manifests/options add to that, in the tests that apply them.
var optionRules = map[string][]rbacv1.PolicyRule{
	"annotation.yaml": {{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"patch"}}},
	"evict.yaml":      {{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}}},
}

// rows spells rules out as kubectl auth can-i --list does.
func rows(rules []rbacv1.PolicyRule) map[string]bool {
	all := map[string]bool{}
	for _, rule := range rules {
		for access := range accesses([]rbacv1.PolicyRule{rule}) {
			resource := access.Resource
			if access.Group != "" {
				resource += "." + access.Group
			}
			all[fmt.Sprintf("%s [] %v %s", resource, rule.ResourceNames, access.Verb)] = true
		}
	}
	return all
}

// accesses spells rules out as single permissions.
func accesses(rules []rbacv1.PolicyRule) map[harness.Access]bool {
	all := map[harness.Access]bool{}
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all[harness.Access{Verb: verb, Group: group, Resource: resource}] = true
				}
			}
		}
	}
	return all
}

// TestRBAC shows that Phalanx has the shipped rights, no more, and that they are enough for all the tests so far.
func TestRBAC(t *testing.T) {
	cp := needControlPlane(t)
	ctx := t.Context()

	t.Run("CanDoNoMoreThanTheShippedRules", func(t *testing.T) {
		// What an account without any binding may do, anybody may.
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "nobody"}}
		if _, err := cp.Client.CoreV1().ServiceAccounts(harness.Namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, namespace := range []string{harness.Namespace, "kube-system", "default"} {
			want := rows(shippedRules)
			if namespace == harness.Namespace {
				maps.Copy(want, rows(leaseRules))
			}
			got := canI(t, cp, namespace, "phalanx")
			for row := range canI(t, cp, namespace, "nobody") {
				delete(got, row)
			}
			if len(got) == 0 || !maps.Equal(got, want) {
				t.Errorf("in namespace %s the account may:\n%s\nwant:\n%s", namespace,
					strings.Join(slices.Sorted(maps.Keys(got)), "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
			}
		}
	})

	t.Run("HasTwoBindings", func(t *testing.T) {
		clusterBindings, err := cp.Client.RbacV1().ClusterRoleBindings().List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bindings, err := cp.Client.RbacV1().RoleBindings("").List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, b := range clusterBindings.Items {
			if bindsPhalanx(b.Subjects) {
				found = append(found, b.Name)
			}
		}
		for _, b := range bindings.Items {
			if bindsPhalanx(b.Subjects) {
				found = append(found, b.Namespace+"/"+b.Name)
			}
		}
		if want := []string{"phalanx", harness.Namespace + "/phalanx-leader-election"}; !slices.Equal(found, want) {
			t.Errorf("bindings that name the account: %v, want %v", found, want)
		}
	})

	t.Run("AskedForNothingElse", func(t *testing.T) {
		needPhalanx(t)
		start := time.Now() // tests before this one have started API servers anew
		s := newScene(t, cluster.scheduler, harness.Racks(4, "rack-a"))
		s.createGang("gang", 4)
		s.waitBound("gang", 4, 30*time.Second)
		for access, last := range checkAudit(t).Forbidden {
			if last.After(start) {
				t.Errorf("it was refused: %s", access)
			}
		}
	})
}

// checkAudit compares what Phalanx has asked of the API server with what it may. It does not judge refusals of what the
// rules allow: an API server that has just started refuses everything until it has read the rules.
func checkAudit(t *testing.T) *harness.Audit {
	t.Helper()
	audit, err := cluster.cp.ReadAudit()
	if err != nil {
		t.Fatal(err)
	}
	allowed := accesses(shippedRules)
	maps.Copy(allowed, accesses(leaseRules))
	for _, option := range cluster.options {
		maps.Copy(allowed, accesses(optionRules[option]))
	}
	for access, count := range audit.Count {
		t.Logf("%6d  %s", count, access)
		if access.Path == "" && !allowed[access] {
			t.Errorf("not among the shipped rules: %s", access)
		}
	}
	for _, used := range []harness.Access{{Verb: "watch", Resource: "pods"}, {Verb: "create", Resource: "pods/binding"}} {
		if audit.Count[used] == 0 {
			t.Errorf("the audit log does not show %q: is Phalanx running under its own account?", used)
		}
	}
	return audit
}

func bindsPhalanx(subjects []rbacv1.Subject) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == harness.Namespace && s.Name == "phalanx" ||
			s.Kind == rbacv1.UserKind && s.Name == harness.PhalanxUser ||
			s.Kind == rbacv1.GroupKind && s.Name == "system:serviceaccounts:"+harness.Namespace
	})
}

// canI runs `kubectl auth can-i --list` as an account of Phalanx's namespace, and returns one row for each resource
// (or non-resource URL) and verb.
func canI(t *testing.T, cp *harness.ControlPlane, namespace, account string) map[string]bool {
	t.Helper()
	out, err := cp.Kubectl(t.Context(), "auth", "can-i", "--list", "--no-headers", "-n", namespace,
		"--as", "system:serviceaccount:"+harness.Namespace+":"+account)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(out) {
		// selfsubjectreviews.authentication.k8s.io   []   []   [create]
		line = strings.TrimSpace(line)
		at := strings.LastIndex(line, "[")
		if at < 0 || !strings.HasSuffix(line, "]") {
			t.Fatalf("cannot read this line of kubectl auth can-i --list: %q", line)
		}
		for _, verb := range strings.Fields(line[at+1 : len(line)-1]) {
			rows[strings.Join(strings.Fields(line[:at]), " ")+" "+verb] = true
		}
	}
	return rows
}
