// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

// Options say where things are.
type Options struct {
	Binaries  string // directory with etcd, kube-apiserver, ... as built by ./build-binaries
	Manifests string // the shipped manifests directory
	Dir       string // certificates, configuration, logs and etcd's data go here
	// Bare leaves out everything but etcd and the API server: nobody tends to nodes, whose state is what they are
	// created with, and pods stay Pending where they are bound. For benchmarks with thousands of nodes.
	Bare bool
}

// ControlPlane is a running cluster without a scheduler: see StartScheduler and StartPhalanx.
type ControlPlane struct {
	Options
	Server  string // https://127.0.0.1:port of the API server
	Admin   *rest.Config
	Client  *kubernetes.Clientset
	Dynamic *dynamic.DynamicClient

	Etcd, APIServer, ControllerManager, Kwok *Process

	pki             *pki
	adminKubeconfig string
}

// CompleteAnnotation makes kwok end a running pod well, as if its containers had exited with 0.
const CompleteAnnotation = "e2e.phalanx.dev/complete"

// podComplete is a kwok stage. kwok's own ends every Job's pods at once; a training run has to last until the
// test has seen enough.
const podComplete = `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: pod-complete
spec:
  resourceRef:
    apiGroup: v1
    kind: Pod
  selector:
    matchAnnotations:
      ` + CompleteAnnotation + `: "true"
    matchExpressions:
    - key: .metadata.deletionTimestamp
      operator: DoesNotExist
    - key: .status.phase
      operator: In
      values: [Running]
  next:
    statusTemplate: |
      {{ $now := Now }}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        ready: false
        restartCount: 0
        started: false
        state:
          terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}
      {{ end }}
      phase: Succeeded
`

const kwokConfiguration = `
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  manageAllNodes: true
  nodeLeaseDurationSeconds: 40
  nodeLeaseParallelism: 4
  nodePlayStageParallelism: 4
  podPlayStageParallelism: 8
`

// controllers are those a scheduler's work depends on. The Deployment controller is left out on purpose: the
// shipped Deployment is applied, but its containers run as the harness's own processes.
var controllers = strings.Join([]string{
	"namespace-controller", "serviceaccount-controller", "serviceaccount-token-controller", "job-controller",
	"garbage-collector-controller", "pod-garbage-collector-controller", "node-lifecycle-controller",
	"taint-eviction-controller", "root-ca-certificate-publisher-controller", "clusterrole-aggregation-controller",
	"ttl-after-finished-controller", "disruption-controller",
}, ",")

// FreePort returns a loopback port that nobody listens on right now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all stay open until the last is known, so they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// StartControlPlane starts everything but scheduler and Phalanx and returns when the API server is ready.
// Whatever was started is stopped again if it fails.
func StartControlPlane(ctx context.Context, options Options) (cp *ControlPlane, err error) {
	cp = &ControlPlane{Options: options}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, cp.LogTails(15))
			cp.Stop()
		}
	}()
	ports, err := freePorts(4)
	if err != nil {
		return cp, err
	}
	etcdPort, etcdPeerPort, apiPort, managerPort := ports[0], ports[1], ports[2], ports[3]
	cp.Server = fmt.Sprintf("https://127.0.0.1:%d", apiPort)
	if err = cp.writeFiles(); err != nil {
		return cp, err
	}
	if err = cp.startEtcd(etcdPort, etcdPeerPort); err != nil {
		return cp, err
	}
	if err = cp.startAPIServer(etcdPort, apiPort); err != nil {
		return cp, err
	}
	if err = cp.WaitAPIServer(ctx); err != nil || cp.Bare {
		return cp, err
	}
	if err = cp.startControllerManager(managerPort); err != nil {
		return cp, err
	}
	return cp, cp.startKwok()
}

func (cp *ControlPlane) writeFiles() error {
	dir := filepath.Join(cp.Dir, "pki")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var err error
	if cp.pki, err = newPKI(dir); err != nil {
		return err
	}
	for name, user := range map[string]string{"etcd": "etcd", "apiserver-etcd": "kube-apiserver", "apiserver": "kube-apiserver"} {
		if err := cp.pki.issue(name, user); err != nil {
			return err
		}
	}
	if _, err := cp.pki.newKey("service-account.key"); err != nil {
		return err
	}
	if cp.adminKubeconfig, err = cp.pki.clientKubeconfig(cp.Server, "admin", "e2e-admin", "system:masters"); err != nil {
		return err
	}
	// kwok stands for every kubelet at once, so no node's identity fits it.
	if _, err := cp.pki.clientKubeconfig(cp.Server, "kwok", "kwok", "system:masters"); err != nil {
		return err
	}
	if _, err := cp.pki.clientKubeconfig(cp.Server, "controller-manager", "system:kube-controller-manager"); err != nil {
		return err
	}
	stages := []string{kwokConfiguration, nodefast.DefaultNodeInit, nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady, podfast.DefaultPodDelete, podComplete}
	if err := os.WriteFile(cp.file("kwok.yaml"), []byte(strings.Join(stages, "\n---\n")), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(cp.file("audit-policy.yaml"), []byte(auditPolicy), 0o644); err != nil {
		return err
	}
	if cp.Admin, err = clientcmd.BuildConfigFromFlags("", cp.adminKubeconfig); err != nil {
		return err
	}
	cp.Admin.QPS, cp.Admin.Burst = 1000, 1000
	if cp.Client, err = kubernetes.NewForConfig(cp.Admin); err != nil {
		return err
	}
	cp.Dynamic, err = dynamic.NewForConfig(cp.Admin)
	return err
}

func (cp *ControlPlane) file(name string) string { return filepath.Join(cp.Dir, name) }

func (cp *ControlPlane) start(name string, keep bool, arguments ...string) (*Process, error) {
	return StartProcess(cp.Dir, name, keep, append([]string{filepath.Join(cp.Binaries, name)}, arguments...)...)
}

func (cp *ControlPlane) startEtcd(port, peerPort int) (err error) {
	client, peer := fmt.Sprintf("https://127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d", peerPort)
	cp.Etcd, err = cp.start("etcd", false,
		"--data-dir="+cp.file("etcd-data"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
		"--cert-file="+cp.pki.path("etcd.crt"), "--key-file="+cp.pki.path("etcd.key"),
		"--client-cert-auth", "--trusted-ca-file="+cp.pki.path("ca.crt"),
		"--unsafe-no-fsync", "--log-level=warn")
	return err
}

func (cp *ControlPlane) startAPIServer(etcdPort, port int) (err error) {
	arguments := []string{
		fmt.Sprintf("--etcd-servers=https://127.0.0.1:%d", etcdPort), "--etcd-cafile=" + cp.pki.path("ca.crt"),
		"--etcd-certfile=" + cp.pki.path("apiserver-etcd.crt"), "--etcd-keyfile=" + cp.pki.path("apiserver-etcd.key"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--endpoint-reconciler-type=none",
		"--tls-cert-file=" + cp.pki.path("apiserver.crt"), "--tls-private-key-file=" + cp.pki.path("apiserver.key"),
		"--client-ca-file=" + cp.pki.path("ca.crt"), "--requestheader-client-ca-file=" + cp.pki.path("ca.crt"),
		"--requestheader-allowed-names=front-proxy", "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + cp.pki.path("service-account.key"),
		"--service-account-signing-key-file=" + cp.pki.path("service-account.key"),
		"--service-cluster-ip-range=10.0.0.0/24", "--profiling=false",
		"--audit-policy-file=" + cp.file("audit-policy.yaml"), "--audit-log-path=" + cp.file("audit.log"),
	}
	if cp.Bare { // what these ask for is made by controllers
		arguments = append(arguments, "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
	}
	cp.APIServer, err = cp.start("kube-apiserver", false, arguments...)
	return err
}

func (cp *ControlPlane) startControllerManager(port int) (err error) {
	kubeconfig := cp.pki.path("controller-manager.kubeconfig")
	cp.ControllerManager, err = cp.start("kube-controller-manager", true,
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--leader-elect=false",
		"--use-service-account-credentials", "--root-ca-file="+cp.pki.path("ca.crt"),
		"--service-account-private-key-file="+cp.pki.path("service-account.key"),
		"--kube-api-qps=200", "--kube-api-burst=400", "--concurrent-job-syncs=10", "--controllers="+controllers)
	return err
}

func (cp *ControlPlane) startKwok() (err error) {
	cp.Kwok, err = cp.start("kwok", true, "--kubeconfig="+cp.pki.path("kwok.kubeconfig"), "--config="+cp.file("kwok.yaml"))
	return err
}

// WaitAPIServer returns when the API server says it is ready.
func (cp *ControlPlane) WaitAPIServer(ctx context.Context) error {
	return Poll(ctx, 2*time.Minute, func() error {
		if !cp.APIServer.Running() {
			return Permanent(errors.New("kube-apiserver exited"))
		}
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return cp.Client.RESTClient().Get().AbsPath("/readyz").Do(attempt).Error()
	})
}

// crashed returns an error if a process has exited unasked.
func (cp *ControlPlane) crashed() error {
	for _, p := range []*Process{cp.Etcd, cp.APIServer, cp.ControllerManager, cp.Kwok} {
		if p == nil {
			continue
		}
		if crashes := p.Crashes(); len(crashes) > 0 {
			return Permanent(fmt.Errorf("%v\n%s", crashes, p.LogTail(15)))
		}
	}
	return nil
}

// Stop ends every process of the control plane.
func (cp *ControlPlane) Stop() {
	for _, p := range []*Process{cp.Kwok, cp.ControllerManager, cp.APIServer, cp.Etcd} {
		if p != nil {
			p.Kill() // nothing here is worth a graceful end: the data goes with it
		}
	}
}

// LogTails returns the ends of the control plane's logs.
func (cp *ControlPlane) LogTails(lines int) string {
	var out strings.Builder
	for _, p := range []*Process{cp.Etcd, cp.APIServer, cp.ControllerManager, cp.Kwok} {
		if p != nil {
			fmt.Fprintln(&out, p.LogTail(lines))
		}
	}
	return out.String()
}

// Kubectl runs the kubectl that belongs to this API server, as administrator.
func (cp *ControlPlane) Kubectl(ctx context.Context, arguments ...string) (string, error) {
	arguments = append([]string{"--kubeconfig=" + cp.adminKubeconfig}, arguments...)
	cmd := exec.CommandContext(ctx, filepath.Join(cp.Binaries, "kubectl"), arguments...)
	cmd.Env = append(os.Environ(), "HOME="+cp.Dir, "KUBECTL_KUBERC=false")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(arguments[1:], " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// InstallManifests applies the shipped manifests, all of them, and waits until PodGroups are served.
func (cp *ControlPlane) InstallManifests(ctx context.Context) error {
	if _, err := cp.Kubectl(ctx, "apply", "-k", cp.Manifests); err != nil {
		return err
	}
	return Poll(ctx, 30*time.Second, func() error {
		_, err := cp.Dynamic.Resource(PodGroups).Namespace("default").List(ctx, metav1.ListOptions{})
		return err
	})
}
