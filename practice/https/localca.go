// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"yett/store"
)

// RootName is the file of the local root certificate in the data directory: what clients must trust.
const RootName = "ca.pem"

const (
	rootKeyName  = "ca.key"
	rootLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour
	backdated    = time.Hour // clocks of clients differ
)

// A LocalCA issues certificates for this machine's own names, signed by a root that was made here. It serves where no
// certificate is configured. It is safe for concurrent use.
type LocalCA struct {
	root  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string
	ips   []net.IP
	now   func() time.Time

	mu   sync.Mutex
	leaf *tls.Certificate
}

// OpenLocalCA opens the root kept in dir, or makes it on the first start. names and ips stand in the certificates, of
// which the first is made at once, so that what is wrong shows here and not in a handshake. The private
// key lies in keys, which may be dir itself: whoever can read it can stand in for any host before the clients that trust
// the root.
func OpenLocalCA(dir, keys store.Files, now func() time.Time, names []string, ips []net.IP) (*LocalCA, error) {
	for _, name := range names {
		if !validName(name) {
			return nil, fmt.Errorf("%.80q cannot stand in a certificate: it is no host name", name)
		}
	}
	if len(names) == 0 && len(ips) == 0 {
		return nil, errors.New("a certificate needs a name or an address")
	}
	ca := &LocalCA{names: names, ips: ips, now: now}
	if err := ca.open(dir, keys); err != nil {
		return nil, err
	}
	if _, err := ca.GetCertificate(nil); err != nil {
		return nil, err
	}
	return ca, nil
}

// open reads the root, or makes it.
func (ca *LocalCA) open(dir, keys store.Files) error {
	pemCert, err := dir.ReadFile(RootName)
	if errors.Is(err, fs.ErrNotExist) {
		return ca.create(dir, keys)
	}
	if err != nil {
		return err
	}
	pemKey, err := keys.ReadFile(rootKeyName)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there and %s is not (restore it from a backup, or remove both and trust a new root)",
			dir.Path(RootName), dir.Path(rootKeyName))
	}
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(pemCert, pemKey)
	if err != nil {
		return fmt.Errorf("%s and %s: %w (restore both from a backup, or remove both and trust a new root)",
			dir.Path(RootName), dir.Path(rootKeyName), err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s: not an ECDSA key", dir.Path(rootKeyName))
	}
	ca.key, ca.root = key, pair.Leaf
	if !ca.root.IsCA {
		return fmt.Errorf("%s is not a root certificate (remove it and %s, and trust the new root)", dir.Path(RootName), dir.Path(rootKeyName))
	}
	if ca.now().After(ca.root.NotAfter) {
		return fmt.Errorf("%s ended on %s (remove it and %s, and trust the new root)",
			dir.Path(RootName), ca.root.NotAfter.Format(time.DateOnly), dir.Path(rootKeyName))
	}
	return nil
}

// create makes the root. The key is written first: a crash between the two leaves a key that nobody trusts yet.
func (ca *LocalCA) create(dir, keys store.Files) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := serialNumber()
	if err != nil {
		return err
	}
	now := ca.now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "yett local root " + serial.Text(16)[:8]},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(rootLifetime),
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if ca.root, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	ca.key = key
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := keys.WriteFile(rootKeyName, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})); err != nil {
		return err
	}
	return dir.WriteFile(RootName, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// serialNumber is 127 random bits (CA/Browser Forum asks for 64).
func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return n.SetBit(n, 126, 1), nil // so that its text always has enough digits
}

// GetCertificate returns the current certificate, for tls.Config. It makes a new one when less than a third of its
// life is left; the old one stays where that fails.
func (ca *LocalCA) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	now := ca.now()
	if ca.leaf != nil && fresh(ca.leaf.Leaf, now) {
		return ca.leaf, nil
	}
	next, err := ca.issue(now)
	if err == nil {
		ca.leaf = next
		return next, nil
	}
	if ca.leaf != nil && now.Before(ca.leaf.Leaf.NotAfter) {
		return ca.leaf, nil
	}
	return nil, err
}

// has reports whether the certificates hold a name or an address.
func (ca *LocalCA) has(name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(ca.ips, ip.Equal)
	}
	return slices.ContainsFunc(ca.names, func(n string) bool { return strings.EqualFold(n, name) })
}

// fresh reports whether more than a third of a certificate's own life is left. Near the end of the root that life is
// shorter, and the clock may have been set back.
func fresh(c *x509.Certificate, now time.Time) bool {
	return now.After(c.NotBefore) && c.NotAfter.Sub(now) > c.NotAfter.Sub(c.NotBefore)/3
}

// issue makes a certificate whose key never leaves memory.
func (ca *LocalCA) issue(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	if !now.Before(ca.root.NotAfter) {
		return nil, fmt.Errorf("the root certificate ended on %s", ca.root.NotAfter.Format(time.DateOnly))
	}
	end := now.Add(leafLifetime)
	if end.After(ca.root.NotAfter) {
		end = ca.root.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "yett"},
		NotBefore:    now.Add(-backdated),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     ca.names,
		IPAddresses:  ca.ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.root, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// localNames are the names under which this machine is called without any configuration, the public one, and the hosts of
// the APIs.
func localNames(publicURL string, apis ...string) ([]string, []net.IP) {
	names, ips := []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	hosts := make([]string, 0, 2+len(apis))
	if host, err := os.Hostname(); err == nil {
		hosts = append(hosts, host)
	}
	if u, err := url.Parse(publicURL); err == nil {
		hosts = append(hosts, u.Hostname())
	}
	hosts = append(hosts, apis...)
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			if !slices.ContainsFunc(ips, ip.Equal) {
				ips = append(ips, ip)
			}
		} else if host = strings.ToLower(host); validName(host) && !slices.Contains(names, host) {
			names = append(names, host)
		}
	}
	return names, ips
}

// validName reports whether a host name may stand in a certificate.
func validName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return len(s) < 254
}
