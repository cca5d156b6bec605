// SPDX-License-Identifier: Apache-2.0

// A barrier of many members on a real control plane: how long from the commit until the last binding is posted,
// beside the same bindings posted one after the other on one connection. Start it with ./run.
//
// The times are the API server's own, from its audit log, and the moment of the commit is what Phalanx logs. In both
// halves Phalanx, kube-scheduler and the simulated kubelets watch what happens.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"phalanx.dev/e2e/harness"
)

const (
	namespace = "bench"
	gang      = "barrier"
	racks     = 10
)

func main() {
	members := flag.Int("members", 2000, "pods of the gang, each of one GPU")
	flag.Parse()
	if err := run(*members); err != nil {
		fmt.Fprintln(os.Stderr, "bench/barrier:", err)
		os.Exit(1)
	}
}

func run(members int) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "phalanx-bench-")
	if err != nil {
		return err
	}
	manifests, err := filepath.Abs("../../manifests")
	if err != nil {
		return err
	}
	cp, err := harness.StartControlPlane(ctx, harness.Options{
		Binaries: os.Getenv("PHALANX_E2E_BINARIES"), Manifests: manifests, Dir: dir,
	})
	if err != nil {
		return err
	}
	defer cp.Stop()
	if err := cp.InstallManifests(ctx); err != nil {
		return err
	}
	phalanx, err := cp.StartPhalanx(ctx, os.Getenv("PHALANX_BIN"))
	if err != nil {
		return err
	}
	defer phalanx.Kill()
	if err := phalanx.WaitReady(ctx, 30*time.Second); err != nil {
		return err
	}
	scheduler, err := cp.StartScheduler(ctx, phalanx.URL)
	if err != nil {
		return err
	}
	defer scheduler.Kill()
	nodes, err := prepare(ctx, cp, members)
	if err != nil {
		return err
	}
	fmt.Printf("%d members of one GPU on %d nodes; etcd, API server, kube-scheduler and Phalanx share %s\n",
		members, nodes, "this machine")
	if err := barrier(ctx, cp, phalanx, members); err != nil {
		return err
	}
	if err := oneByOne(ctx, cp, members); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func prepare(ctx context.Context, cp *harness.ControlPlane, members int) (int, error) {
	perRack := (members + racks*harness.GPUsPerNode - 1) / (racks * harness.GPUsPerNode)
	var names []string
	for i := range racks {
		names = append(names, fmt.Sprintf("rack-%02d", i))
	}
	if err := cp.CreateNamespace(ctx, namespace); err != nil {
		return 0, err
	}
	return racks * perRack, cp.CreateNodes(ctx, harness.Racks(perRack, names...))
}

func pods(prefix string, n int, template harness.Pod) []harness.Pod {
	all := make([]harness.Pod, n)
	for i := range all {
		all[i] = template
		all[i].Name = fmt.Sprintf("%s-%05d", prefix, i)
	}
	return all
}

// barrier lets the gang be placed by Phalanx and prints how its bindings came after the commit.
func barrier(ctx context.Context, cp *harness.ControlPlane, phalanx *harness.Phalanx, members int) error {
	if err := cp.CreatePodGroup(ctx, namespace, gang, members); err != nil {
		return err
	}
	if err := cp.CreatePods(ctx, namespace, pods(gang, members, harness.Pod{Group: gang, GPUs: 1})); err != nil {
		return err
	}
	created := time.Now()
	err := harness.Poll(ctx, 3*time.Minute, func() error {
		bound, err := phalanx.Metric(ctx, `phalanx_writes_total{write="binding",result="done"}`)
		if err == nil && int(bound) < members {
			err = fmt.Errorf("%.0f members are bound", bound)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, phalanx.LogTail(20))
	}
	committed, err := commitTime(phalanx)
	if err != nil {
		return err
	}
	fmt.Printf("last member created to commit:  %6.2f s\n", committed.Sub(created).Seconds())
	return report(cp, "barrier: from the commit", gang, committed, members)
}

// commitTime is when Phalanx has logged that the gang is Committing.
func commitTime(phalanx *harness.Phalanx) (time.Time, error) {
	lines := bufio.NewScanner(bytes.NewReader(phalanx.LogSince(0)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Time time.Time `json:"ts"`
			Gang string    `json:"gang"`
			To   string    `json:"to"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Gang == gang && line.To == "Committing" {
			return line.Time, nil
		}
	}
	return time.Time{}, fmt.Errorf("Phalanx has not logged a commit")
}

// oneByOne posts the same bindings for pods that no scheduler knows, each after the answer to the one before.
func oneByOne(ctx context.Context, cp *harness.ControlPlane, members int) error {
	const prefix = "single"
	placed, err := cp.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var nodes []string
	for i := range placed.Items {
		nodes = append(nodes, placed.Items[i].Spec.NodeName)
	}
	if err := cp.DeletePods(ctx, namespace, "app=e2e"); err != nil {
		return err
	}
	err = harness.Poll(ctx, 2*time.Minute, func() error {
		left, err := cp.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(left.Items) > 0 {
			err = fmt.Errorf("%d pods are left", len(left.Items))
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := cp.CreatePods(ctx, namespace, pods(prefix, members, harness.Pod{GPUs: 1, Scheduler: "nobody"})); err != nil {
		return err
	}
	waiting, err := cp.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // the control plane has digested the pods, as it had those of the gang
	client, err := oneConnection(cp.Dir)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(cp.Dir, "pki", "phalanx.token"))
	if err != nil {
		return err
	}
	start := time.Now()
	for i := range waiting.Items {
		if err := post(client, cp.Server, string(token), &waiting.Items[i], nodes[i]); err != nil {
			return err
		}
	}
	fmt.Printf("one by one, as the client sees it: %.2f s\n", time.Since(start).Seconds())
	return report(cp, "one by one: from the start", prefix, start, members)
}

func oneConnection(dir string) (*http.Client, error) {
	authority, err := os.ReadFile(filepath.Join(dir, "pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxConnsPerHost: 1,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1, as Phalanx speaks it
	}}, nil
}

// post posts the binding that Phalanx would.
func post(client *http.Client, server, token string, pod *corev1.Pod, node string) error {
	body, err := json.Marshal(&corev1.Binding{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Binding"},
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID,
			Annotations: map[string]string{"phalanx.dev/gang": gang, "phalanx.dev/rank": "0"},
		},
		Target: corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node},
	})
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/api/v1/namespaces/%s/pods/%s/binding", server, pod.Namespace, pod.Name)
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("binding of %s: %s: %s", pod.Name, response.Status, answer)
	}
	return err
}

// report prints when the bindings of the pods with a prefix came and were answered, and how long each took.
func report(cp *harness.ControlPlane, title, prefix string, start time.Time, members int) error {
	file, err := os.Open(filepath.Join(cp.Dir, "audit.log"))
	if err != nil {
		return err
	}
	defer file.Close()
	var came, answered, took []time.Duration
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Verb      string `json:"verb"`
			ObjectRef struct {
				Name        string `json:"name"`
				Subresource string `json:"subresource"`
			} `json:"objectRef"`
			Received time.Time `json:"requestReceivedTimestamp"`
			Stage    time.Time `json:"stageTimestamp"`
		}
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Verb != "create" ||
			event.ObjectRef.Subresource != "binding" || !strings.HasPrefix(event.ObjectRef.Name, prefix) {
			continue
		}
		came = append(came, event.Received.Sub(start))
		answered = append(answered, event.Stage.Sub(start))
		took = append(took, event.Stage.Sub(event.Received))
	}
	if len(answered) != members {
		return fmt.Errorf("%s: the audit log has %d bindings, want %d", title, len(answered), members)
	}
	fmt.Printf("%s\n  %-20s %7s %7s %7s %7s %7s\n", title, "seconds", "first", "p50", "p90", "p99", "last")
	for _, row := range []struct {
		name  string
		times []time.Duration
	}{{"posted", came}, {"answered", answered}, {"each took", took}} {
		slices.Sort(row.times)
		fmt.Printf("  %-20s", row.name)
		for _, share := range []float64{0, 0.5, 0.9, 0.99, 1} {
			fmt.Printf(" %7.3f", row.times[int(share*float64(len(row.times)-1))].Seconds())
		}
		fmt.Println()
	}
	fmt.Printf("  %.0f bindings a second\n", float64(members)/slices.Max(answered).Seconds())
	return lines.Err()
}
