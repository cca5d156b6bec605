// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Tenant is a user who may do everything to pods and groups of one namespace, and nothing else.
type Tenant struct {
	Namespace string
	Client    *kubernetes.Clientset
	Dynamic   *dynamic.DynamicClient
}

// NewTenant creates a namespace and its user: a client certificate, a Role and a RoleBinding.
func (cp *ControlPlane) NewTenant(ctx context.Context, namespace string) (*Tenant, error) {
	if err := cp.CreateNamespace(ctx, namespace); err != nil {
		return nil, err
	}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods", "pods/*"}, Verbs: []string{"*"}},
			{APIGroups: []string{PodGroups.Group}, Resources: []string{"podgroups", "podgroups/*"}, Verbs: []string{"*"}},
		},
	}
	if _, err := cp.Client.RbacV1().Roles(namespace).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	user := "user-of-" + namespace
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	}
	if _, err := cp.Client.RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	path, err := cp.pki.clientKubeconfig(cp.Server, user, user)
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 1000, 1000
	t := &Tenant{Namespace: namespace}
	if t.Client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if t.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	// Roles reach the API server's authorizer a moment after they are written. Beyond the namespace nothing is allowed.
	err = Poll(ctx, 30*time.Second, func() error {
		_, err := t.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := t.Client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{}); err == nil {
		return nil, fmt.Errorf("%s may list pods of other namespaces", user)
	}
	return t, nil
}

// CreatePod creates a pod of the tenant's own, with the tenant's rights.
func (t *Tenant) CreatePod(ctx context.Context, p Pod) error {
	_, err := t.Client.CoreV1().Pods(t.Namespace).Create(ctx, p.object(), metav1.CreateOptions{})
	return err
}

// CreateObject creates a pod that is written out.
func (t *Tenant) CreateObject(ctx context.Context, pod *corev1.Pod) error {
	_, err := t.Client.CoreV1().Pods(t.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// CreateGang creates n pods of a gang that their labels describe, each of them after edit.
func (t *Tenant) CreateGang(ctx context.Context, name string, n int, p Pod) error {
	pods := make([]Pod, n)
	for i := range pods {
		pods[i] = p
		pods[i].Name = fmt.Sprintf("%s-%d", name, i)
		pods[i].Light, pods[i].Minimum = name, n
	}
	return inParallel(pods, func(p Pod) error { return t.CreatePod(ctx, p) })
}
