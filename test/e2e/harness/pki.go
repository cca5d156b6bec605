// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// pki is one certificate authority and the files it has issued, all in dir.
type pki struct {
	dir    string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

func newPKI(dir string) (*pki, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	p := &pki{dir: dir, key: key}
	template := p.template("phalanx-e2e-ca")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return p, writePEM(p.path("ca.crt"), "CERTIFICATE", der)
}

// Authority is a certificate authority of its own, for the ports of Phalanx.
type Authority struct{ pki *pki }

// NewAuthority makes one in a folder below the control plane's.
func (cp *ControlPlane) NewAuthority(name string) (*Authority, error) {
	dir := cp.file(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p, err := newPKI(dir)
	return &Authority{p}, err
}

// Leaf is what a certificate of an Authority says.
type Leaf struct {
	CommonName string
	Server     bool // good for a server on loopback; else for a client
	Expired    bool
}

// Pair are the files of a certificate and its key.
type Pair struct{ Certificate, Key string }

// CA is the file with the authority's own certificate.
func (a *Authority) CA() string { return a.pki.path("ca.crt") }

// Issue makes a certificate.
func (a *Authority) Issue(name string, leaf Leaf) (Pair, error) {
	pair := Pair{a.pki.path(name + ".crt"), a.pki.path(name + ".key")}
	template := a.pki.template(leaf.CommonName)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if leaf.Server {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	if leaf.Expired {
		template.NotAfter = time.Now().Add(-time.Minute)
	}
	key, err := a.pki.newKey(name + ".key")
	if err != nil {
		return pair, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.pki.cert, key.Public(), a.pki.key)
	if err != nil {
		return pair, err
	}
	return pair, writePEM(pair.Certificate, "CERTIFICATE", der)
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pki) template(commonName string, groups ...string) *x509.Certificate {
	p.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(p.serial),
		Subject:      pkix.Name{CommonName: commonName, Organization: groups},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
}

// issue writes name.crt and name.key, good as a server on loopback and as a client with that name and groups.
func (p *pki) issue(name, commonName string, groups ...string) error {
	template := p.template(commonName, groups...)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	key, err := p.newKey(name + ".key")
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.cert, key.Public(), p.key)
	if err != nil {
		return err
	}
	return writePEM(p.path(name+".crt"), "CERTIFICATE", der)
}

func (p *pki) newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(p.path(file), "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// clientKubeconfig issues a client certificate and writes name.kubeconfig for it.
func (p *pki) clientKubeconfig(server, name, user string, groups ...string) (string, error) {
	if err := p.issue(name, user, groups...); err != nil {
		return "", err
	}
	auth := &clientcmdapi.AuthInfo{ClientCertificate: p.path(name + ".crt"), ClientKey: p.path(name + ".key")}
	return p.kubeconfig(server, name, auth)
}

// tokenKubeconfig writes name.kubeconfig for a bearer token kept in name.token.
func (p *pki) tokenKubeconfig(server, name string) (string, error) {
	return p.kubeconfig(server, name, &clientcmdapi.AuthInfo{TokenFile: p.path(name + ".token")})
}

func (p *pki) kubeconfig(server, name string, auth *clientcmdapi.AuthInfo) (string, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: p.path("ca.crt")}
	config.AuthInfos[name] = auth
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: name}
	config.CurrentContext = "e2e"
	path := p.path(name + ".kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}
