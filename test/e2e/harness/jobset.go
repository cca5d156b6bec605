// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// JobSets is where JobSet objects live.
var JobSets = schema.GroupVersionResource{Group: "jobset.x-k8s.io", Version: "v1alpha2", Resource: "jobsets"}

// JobSetController is the real one, with its CRD and its webhooks on JobSets and pods.
type JobSetController struct {
	*Process
	cp     *ControlPlane
	module string // folder of its Go module
	hooks  string // file with the webhook configurations
}

// StartJobSet starts the controller, as administrator, and returns when it serves its webhooks. On the way back from
// the API server they are found by URL: there is no Service network here.
func (cp *ControlPlane) StartJobSet(ctx context.Context, binary, module string) (*JobSetController, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	webhooks, health := fmt.Sprintf("https://127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	kubeconfig, err := cp.pki.clientKubeconfig(cp.Server, "jobset", "jobset", "system:masters")
	if err != nil {
		return nil, err
	}
	certificates := cp.file("jobset-certificates")
	if err := os.MkdirAll(certificates, 0o700); err != nil {
		return nil, err
	}
	for from, to := range map[string]string{"jobset.crt": "tls.crt", "jobset.key": "tls.key"} {
		data, err := os.ReadFile(cp.pki.path(from))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(certificates, to), data, 0o600); err != nil {
			return nil, err
		}
	}
	config := fmt.Sprintf("apiVersion: config.jobset.x-k8s.io/v1alpha1\nkind: Configuration\n"+
		"internalCertManagement: {enable: false}\nleaderElection: {leaderElect: false}\n"+
		"webhook: {host: 127.0.0.1, port: %d, certDir: %s}\n", ports[0], certificates)
	if err := os.WriteFile(cp.file("jobset.yaml"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	j := &JobSetController{cp: cp, module: module, hooks: cp.file("jobset-webhooks.yaml")}
	if _, err := cp.Kubectl(ctx, "apply", "--server-side", "-f", j.crds()); err != nil {
		return nil, err
	}
	err = Poll(ctx, 30*time.Second, func() error { // kubectl wait alone gives up where there are no conditions yet
		_, err := cp.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "-f", j.crds())
		return err
	})
	if err != nil {
		return nil, err
	}
	j.Process, err = StartProcess(cp.Dir, "jobset", false, binary, "--config="+cp.file("jobset.yaml"),
		"--kubeconfig="+kubeconfig, "--metrics-bind-address=0", "--health-probe-bind-address="+health)
	if err != nil {
		return nil, err
	}
	if err := j.waitReady(ctx, "http://"+health+"/readyz"); err != nil {
		j.Kill()
		return nil, err
	}
	if err := j.writeHooks(webhooks); err != nil {
		j.Kill()
		return nil, err
	}
	_, err = cp.Kubectl(ctx, "apply", "-f", j.hooks)
	return j, err
}

func (j *JobSetController) crds() string {
	return filepath.Join(j.module, "config/components/crd/bases")
}

func (j *JobSetController) waitReady(ctx context.Context, url string) error {
	return Poll(ctx, time.Minute, func() error {
		if !j.Running() {
			return Permanent(fmt.Errorf("the JobSet controller exited\n%s", j.LogTail(30)))
		}
		response, err := http.Get(url)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
}

// writeHooks writes the shipped webhook configurations with a URL where they name a Service.
func (j *JobSetController) writeHooks(server string) error {
	shipped, err := os.ReadFile(filepath.Join(j.module, "config/components/webhook/manifests.yaml"))
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(j.cp.pki.path("ca.crt"))
	if err != nil {
		return err
	}
	var out []byte
	for document := range bytes.SplitSeq(shipped, []byte("\n---\n")) {
		object := map[string]any{}
		if err := yaml.Unmarshal(document, &object); err != nil {
			return err
		}
		object["metadata"] = map[string]any{"name": "jobset-" + fmt.Sprint(object["metadata"].(map[string]any)["name"])}
		for _, webhook := range object["webhooks"].([]any) {
			hook := webhook.(map[string]any)
			path := hook["clientConfig"].(map[string]any)["service"].(map[string]any)["path"]
			hook["clientConfig"] = map[string]any{"url": server + fmt.Sprint(path), "caBundle": authority}
		}
		data, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		out = append(append(out, "---\n"...), data...)
	}
	return os.WriteFile(j.hooks, out, 0o644)
}

// End takes the webhooks out of every pod's way, stops the controller and removes the CRD.
func (j *JobSetController) End(ctx context.Context) error {
	_, err := j.cp.Kubectl(ctx, "delete", "--ignore-not-found", "-f", j.hooks)
	j.Stop(10 * time.Second)
	if _, also := j.cp.Kubectl(ctx, "delete", "--ignore-not-found", "-f", j.crds()); err == nil {
		err = also
	}
	return err
}

// CreateExclusiveJobSet creates a JobSet of Jobs of n such pods each, of which every one wants a domain for itself.
func (cp *ControlPlane) CreateExclusiveJobSet(ctx context.Context, namespace, name, key string, jobs, n int, p Pod) error {
	pod, err := toMap(p.object())
	if err != nil {
		return err
	}
	template := map[string]any{"metadata": pod["metadata"], "spec": pod["spec"]}
	job := map[string]any{"parallelism": int64(n), "completions": int64(n), "completionMode": "Indexed", "template": template}
	set := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": JobSets.GroupVersion().String(),
		"kind":       "JobSet",
		"metadata": map[string]any{
			"name":        name,
			"annotations": map[string]any{"alpha.jobset.sigs.k8s.io/exclusive-topology": key},
		},
		"spec": map[string]any{"replicatedJobs": []any{
			map[string]any{"name": "workers", "replicas": int64(jobs), "template": map[string]any{"spec": job}},
		}},
	}}
	return Poll(ctx, 30*time.Second, func() error { // the API server learns of CRD and webhooks a little later
		_, err := cp.Dynamic.Resource(JobSets).Namespace(namespace).Create(ctx, set, metav1.CreateOptions{})
		return err
	})
}

// DeleteJobSets deletes JobSets and their Jobs. One that is not there is no error. The garbage collector would do as
// much, but learns only every 30 s which kinds there are.
func (cp *ControlPlane) DeleteJobSets(ctx context.Context, namespace string, names ...string) error {
	for _, name := range names {
		err := cp.Dynamic.Resource(JobSets).Namespace(namespace).Delete(ctx, name, deleteNow())
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		jobs := metav1.ListOptions{LabelSelector: "jobset.sigs.k8s.io/jobset-name=" + name}
		if err := cp.Client.BatchV1().Jobs(namespace).DeleteCollection(ctx, deleteNow(), jobs); err != nil {
			return err
		}
	}
	return nil
}
