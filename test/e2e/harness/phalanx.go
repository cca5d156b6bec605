// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Phalanx is the daemon under test.
type Phalanx struct {
	*Process
	URL        string // where kube-scheduler calls
	Operations string // health, metrics and the API
	Peers      string // address where another Phalanx can connect to

	cp     *ControlPlane
	name   string
	token  string
	secret string // the Secret the present token is bound to
	tokens int
}

// PhalanxOptions are for a daemon that is not started as shipped. The zero value is.
type PhalanxOptions struct {
	Name   string                     // of its log and its files
	Server string                     // its way to the API server, if not the straight one
	Edit   func(config string) string // of the shipped configuration
	Told   string                     // where others are told to connect to, if not the straight address
	Env    []string                   // more variables of its environment
	TLS    bool                       // its port speaks TLS, by what Edit says
}

// StartPhalanx starts the daemon under its own ServiceAccount, with the shipped configuration. It does not wait
// until it is ready: see WaitReady.
func (cp *ControlPlane) StartPhalanx(ctx context.Context, binary string) (*Phalanx, error) {
	return cp.StartPhalanxWith(ctx, binary, PhalanxOptions{})
}

// StartPhalanxWith is StartPhalanx with options.
func (cp *ControlPlane) StartPhalanxWith(ctx context.Context, binary string, options PhalanxOptions) (*Phalanx, error) {
	config, err := cp.configMapKey(ctx, "phalanx-config", "phalanx.yaml")
	if err != nil {
		return nil, err
	}
	name := cmp.Or(options.Name, "phalanx")
	if options.Edit != nil {
		config = options.Edit(config)
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	listen, peers := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	config, err = peersAt(config, peers, options.Told)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(cp.file(name+".yaml"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	operations := fmt.Sprintf("127.0.0.1:%d", ports[2])
	p := &Phalanx{URL: "http://" + listen, Operations: "http://" + operations, Peers: peers, cp: cp, name: name}
	if options.TLS {
		p.URL = "https://" + listen
	}
	if err := p.IssueToken(ctx); err != nil {
		return nil, err
	}
	kubeconfig, err := cp.pki.tokenKubeconfig(cmp.Or(options.Server, cp.Server), name)
	if err != nil {
		return nil, err
	}
	p.Process, err = StartProcessWith(cp.Dir, name, false, options.Env, binary, "serve",
		"--config", cp.file(name+".yaml"), "--kubeconfig", kubeconfig, "--listen", listen, "--operations", operations)
	return p, err
}

// peersAt puts an address of its own into a configuration in place of a port that all pods have.
func peersAt(config, address, told string) (string, error) {
	const shipped = "  listen: 0.0.0.0:10272\n"
	if !strings.Contains(config, "highAvailability:") {
		return config, nil
	}
	if !strings.Contains(config, shipped) {
		return "", fmt.Errorf("the configuration does not say %q", shipped)
	}
	own := "  listen: " + address + "\n"
	if told != "" {
		own += "  address: " + told + "\n"
	}
	return strings.Replace(config, shipped, own, 1), nil
}

// WaitReady returns when /readyz answers 200.
func (p *Phalanx) WaitReady(ctx context.Context, timeout time.Duration) error {
	err := Poll(ctx, timeout, func() error {
		if !p.Running() {
			return Permanent(errors.New("exited"))
		}
		status, body, err := p.Get(ctx, "/readyz")
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("/readyz answers %d: %s", status, body)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("phalanx: %w\n%s", err, p.LogTail(30))
	}
	return nil
}

// Get asks one of the daemon's own endpoints.
func (p *Phalanx) Get(ctx context.Context, path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Operations+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

// Metric returns the value of a metric, its name with labels as /metrics prints them; 0 where it has not been counted.
func (p *Phalanx) Metric(ctx context.Context, name string) (float64, error) {
	_, text, err := p.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, nil
}

// requestToken asks the API server for a token of an account in Phalanx's namespace.
func (cp *ControlPlane) requestToken(ctx context.Context, account string, bound *authenticationv1.BoundObjectReference) (string, error) {
	seconds := int64(3600)
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds, BoundObjectRef: bound},
	}
	reply, err := cp.Client.CoreV1().ServiceAccounts(Namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return reply.Status.Token, nil
}

// IssueToken puts a new token into Phalanx's token file. It is bound to a Secret of its own, see RevokeToken.
func (p *Phalanx) IssueToken(ctx context.Context) error {
	p.tokens++
	name := fmt.Sprintf("e2e-%s-token-%d", p.name, p.tokens)
	secrets := p.cp.Client.CoreV1().Secrets(Namespace)
	secret, err := secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	token, err := p.cp.requestToken(ctx, "phalanx", &authenticationv1.BoundObjectReference{
		Kind: "Secret", APIVersion: "v1", Name: name, UID: secret.UID,
	})
	if err != nil {
		return err
	}
	p.token, p.secret = token, name
	path := p.cp.pki.path(p.name + ".token")
	if err := os.WriteFile(path+".new", []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// RevokeToken makes the token in the file worthless and returns once the API server refuses it. A token cannot be
// asked to live for less than ten minutes, but one that is bound to a Secret ends with that Secret.
func (p *Phalanx) RevokeToken(ctx context.Context) error {
	if err := p.cp.Client.CoreV1().Secrets(Namespace).Delete(ctx, p.secret, metav1.DeleteOptions{}); err != nil {
		return err
	}
	config := rest.AnonymousClientConfig(p.cp.Admin)
	config.BearerToken = p.token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return Poll(ctx, time.Minute, func() error {
		_, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
		if apierrors.IsUnauthorized(err) {
			return nil
		}
		return fmt.Errorf("the revoked token is not refused yet: %v", err)
	})
}

// sanitizerReport is what a build with AddressSanitizer, UBSan or TSan writes when it finds something.
var sanitizerReport = regexp.MustCompile(`(?m)^.*(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*$`)

// Faults lists what a daemon must never do: exit unasked, or print a sanitizer's report.
func (p *Phalanx) Faults() []string {
	faults := p.Crashes()
	for _, line := range sanitizerReport.FindAll(p.LogSince(0), -1) {
		faults = append(faults, string(line))
	}
	return faults
}
