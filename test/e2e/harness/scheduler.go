// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// SchedulerName is the profile in the shipped scheduler configuration.
const SchedulerName = "phalanx"

// Namespace is where the manifests put Phalanx.
const Namespace = "phalanx-system"

// Scheduler is a running kube-scheduler.
type Scheduler struct {
	*Process
	url string
}

// StartPlainScheduler starts kube-scheduler with the shipped configuration less its extenders: what the cluster does
// without Phalanx.
func (cp *ControlPlane) StartPlainScheduler(ctx context.Context) (*Scheduler, error) {
	return cp.startScheduler(ctx, "kube-scheduler", cp.Server, 2, func(config map[string]any) error {
		delete(config, "extenders")
		// A lease outlives its holder; the scheduler that comes after this one should not have to wait for it.
		config["leaderElection"] = map[string]any{"leaderElect": false}
		return nil
	})
}

// StartScheduler starts kube-scheduler with the shipped configuration, its extenders at phalanxURL.
func (cp *ControlPlane) StartScheduler(ctx context.Context, phalanxURL string) (*Scheduler, error) {
	return cp.StartSchedulerWith(ctx, phalanxURL, SchedulerOptions{})
}

// SchedulerOptions are for a kube-scheduler that is not configured as shipped. The zero value is.
type SchedulerOptions struct {
	Name   string // of its log and its files
	Server string // its way to the API server, if not the straight one
	Alone  bool   // without leader election: a lease outlives its holder
	// With the lease times of the manifests. Others have kube-scheduler's own, so that a machine that is busy with
	// tests does not cost them their lease.
	QuickLease bool
	Fast       bool // without its limit of 50 requests to the API server in a second
	Log        int  // verbosity of its log, 2 when zero
	TLS        *ExtenderTLS
}

// ExtenderTLS is how kube-scheduler calls its extender over TLS.
type ExtenderTLS struct {
	CA     string // file, of the extender's certificate
	Client Pair   // its own; none when empty
}

// StartSchedulerWith is StartScheduler with options.
func (cp *ControlPlane) StartSchedulerWith(ctx context.Context, phalanxURL string, options SchedulerOptions) (*Scheduler, error) {
	edit := func(config map[string]any) error {
		if options.Alone {
			config["leaderElection"] = map[string]any{"leaderElect": false}
		}
		if election, ok := config["leaderElection"].(map[string]any); ok && !options.QuickLease {
			delete(election, "leaseDuration")
			delete(election, "renewDeadline")
			delete(election, "retryPeriod")
		}
		if options.Fast {
			config["clientConnection"] = map[string]any{"qps": 1000, "burst": 1000}
		}
		extenders, _ := config["extenders"].([]any)
		if len(extenders) == 0 {
			return errors.New("the shipped scheduler configuration has no extenders")
		}
		for _, e := range extenders {
			extender := e.(map[string]any)
			extender["urlPrefix"] = phalanxURL + "/scheduler"
			if options.TLS != nil {
				extender["enableHTTPS"] = true
				settings := map[string]any{"caFile": options.TLS.CA}
				if options.TLS.Client.Certificate != "" {
					settings["certFile"], settings["keyFile"] = options.TLS.Client.Certificate, options.TLS.Client.Key
				}
				extender["tlsConfig"] = settings
			}
		}
		return nil
	}
	name, server := cmp.Or(options.Name, "kube-scheduler"), cmp.Or(options.Server, cp.Server)
	return cp.startScheduler(ctx, name, server, cmp.Or(options.Log, 2), edit)
}

// startScheduler runs kube-scheduler under the shipped ServiceAccount, with the shipped configuration after edit.
func (cp *ControlPlane) startScheduler(ctx context.Context, name, server string, verbosity int, edit func(map[string]any) error) (*Scheduler, error) {
	text, err := cp.configMapKey(ctx, "phalanx-scheduler-config", "scheduler-config.yaml")
	if err != nil {
		return nil, err
	}
	config := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &config); err != nil {
		return nil, err
	}
	if err := edit(config); err != nil {
		return nil, err
	}
	token, err := cp.requestToken(ctx, "phalanx-scheduler", nil)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(cp.pki.path(name+".token"), []byte(token), 0o600); err != nil {
		return nil, err
	}
	kubeconfig, err := cp.pki.tokenKubeconfig(server, name)
	if err != nil {
		return nil, err
	}
	connection, _ := config["clientConnection"].(map[string]any)
	if connection == nil {
		connection = map[string]any{}
		config["clientConnection"] = connection
	}
	connection["kubeconfig"] = kubeconfig
	data, err := yaml.Marshal(config)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(cp.file(name+".yaml"), data, 0o644); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	binary := cmp.Or(os.Getenv("PHALANX_E2E_SCHEDULER"), filepath.Join(cp.Binaries, "kube-scheduler"))
	process, err := StartProcess(cp.Dir, name, true, binary,
		"--config="+cp.file(name+".yaml"),
		"--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), fmt.Sprintf("--v=%d", verbosity))
	if err != nil {
		return nil, err
	}
	s := &Scheduler{process, fmt.Sprintf("https://127.0.0.1:%d", port)}
	if err := s.WaitReady(ctx); err != nil {
		process.Kill()
		return nil, fmt.Errorf("kube-scheduler: %w\n%s", err, process.LogTail(30))
	}
	return s, nil
}

func (cp *ControlPlane) configMapKey(ctx context.Context, name, key string) (string, error) {
	configMap, err := cp.Client.CoreV1().ConfigMaps(Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if configMap.Data[key] == "" {
		return "", fmt.Errorf("ConfigMap %s/%s has no key %s", Namespace, name, key)
	}
	return configMap.Data[key], nil
}

// WaitReady asks the health endpoint; its certificate is made up by kube-scheduler at every start.
func (s *Scheduler) WaitReady(ctx context.Context) error {
	client := &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	return Poll(ctx, time.Minute, func() error {
		if !s.Running() {
			return Permanent(errors.New("exited"))
		}
		response, err := client.Get(s.url + "/readyz")
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

// extenderTrouble finds the lines kube-scheduler writes when an extender call goes wrong. A failed filter call says
// "Error scheduling pod; retrying" (a refusal by an extender says "Unable to schedule pod; no fit" instead, which is
// a normal answer). The error of a refused or failed bind call does not name the extender: it starts with "binding
// rejected". Failed priorities and skipped extenders do name it; so does the line with each extender's configuration
// at the start, which is no trouble.
var extenderTrouble = regexp.MustCompile(
	`(?i)Error (scheduling|selecting node for) pod|binding rejected|` +
		`extender.*(error|fail|time.?out|refused|deadline)|(error|fail|time.?out|refused|deadline).*extender`)

// ExtenderTrouble returns the log lines since offset that tell of a failed extender call.
func (s *Scheduler) ExtenderTrouble(offset int64) []string {
	var found []string
	lines := bufio.NewScanner(bytes.NewReader(s.LogSince(offset)))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if extenderTrouble.Match(lines.Bytes()) && !bytes.Contains(lines.Bytes(), []byte(`"Creating extender"`)) {
			found = append(found, lines.Text())
		}
	}
	return found
}
