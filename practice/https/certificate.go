// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A Pair names the files of a certificate, with what leads from it to its root, and of its private key. Both are PEM.
type Pair struct {
	Cert string `yaml:"cert" config:"file"`
	Key  string `yaml:"key" config:"file"`
}

// validate refuses half a pair.
func (p Pair) validate() error {
	switch {
	case p.Cert == "" && p.Key == "":
		return fmt.Errorf("neither cert nor key is given (name the two files)")
	case p.Cert == "":
		return fmt.Errorf("key is given without cert (name the file of the certificate too)")
	case p.Key == "":
		return fmt.Errorf("cert is given without key (name the file of its private key too)")
	}
	return nil
}

// A certificate is a Pair in use.
type certificate struct {
	pair    Pair
	current atomic.Pointer[tls.Certificate]
}

func (c *certificate) files() []string { return []string{c.pair.Cert, c.pair.Key} }

// load reads the pair and refuses one that a client would refuse.
func (c *certificate) load(now time.Time) error {
	chain, err := readFile(c.pair.Cert)
	if err != nil {
		return err
	}
	key, err := readFile(c.pair.Key)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(chain, key) // its errors quote neither
	if err != nil {
		return fmt.Errorf("%s and %s: %s", c.pair.Cert, c.pair.Key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	if err := usable(pair.Leaf, now); err != nil {
		return fmt.Errorf("%s: %w", c.pair.Cert, err)
	}
	c.current.Store(&pair)
	return nil
}

// usable refuses a certificate whose time has not come or is over, and one with a weak key (RFC 9325 section 4.5).
func usable(c *x509.Certificate, now time.Time) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		return fmt.Errorf("its RSA key has %d bits (2048 at least, or take ECDSA P-256)", key.N.BitLen())
	}
	if now.Before(c.NotBefore) {
		return fmt.Errorf("the certificate begins on %s only (is the clock right?)", c.NotBefore.UTC().Format(time.DateTime))
	}
	if now.After(c.NotAfter) {
		return fmt.Errorf("the certificate ended on %s (renew it)", c.NotAfter.UTC().Format(time.DateTime))
	}
	return nil
}

func (c *certificate) warnings(now time.Time) []notice {
	all := ending(c.pair.Cert, c.current.Load().Leaf, now)
	if info, err := os.Stat(c.pair.Key); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		all = append(all, notice{"key_readable", c.pair.Key, fmt.Sprintf("%s may be read by every user of this machine (chmod o= %s)", c.pair.Key, c.pair.Key)})
	}
	return all
}

// soon is when a certificate is called ending: two weeks before, or in the last third of a shorter life.
func soon(c *x509.Certificate) time.Duration {
	return min(14*24*time.Hour, c.NotAfter.Sub(c.NotBefore)/3)
}

// ending warns of the end of a certificate that was read from file.
func ending(file string, c *x509.Certificate, now time.Time) []notice {
	left := c.NotAfter.Sub(now)
	if left >= soon(c) {
		return nil
	}
	when := fmt.Sprintf("ends on %s, %s (renew it)", c.NotAfter.UTC().Format(time.DateTime), days(left))
	if left < 0 {
		when = fmt.Sprintf("ended on %s (renew it)", c.NotAfter.UTC().Format(time.DateTime))
	}
	return []notice{{"certificate_expiring", file, file + " " + when}}
}

func days(left time.Duration) string {
	switch n := int(left / (24 * time.Hour)); n {
	case 0:
		return "within a day"
	case 1:
		return "in 1 day"
	default:
		return fmt.Sprintf("in %d days", n)
	}
}

// choose returns the certificate for the name that the client calls: one that names it, else one with a wildcard for it,
// and among equals the first that the client can use. nil: none names it.
func choose(all []*certificate, hello *tls.ClientHelloInfo, name string) *tls.Certificate {
	_, parent, _ := strings.Cut(name, ".")
	var best *tls.Certificate
	most := 0
	for _, c := range all {
		pair, rank := c.current.Load(), 0
		switch {
		case names(pair.Leaf, name):
			rank = 2
		case parent != "" && names(pair.Leaf, "*."+parent): // one label (RFC 9525 section 6.3)
			rank = 1
		default:
			continue
		}
		if hello.SupportsCertificate(pair) == nil {
			rank += 2
		}
		if rank > most {
			best, most = pair, rank
		}
	}
	return best
}

// names reports whether a certificate holds a name, or an address, as it is written.
func names(c *x509.Certificate, name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(c.IPAddresses, ip.Equal)
	}
	return slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, name) })
}

// calledAs returns the name by which a client calls: the one it says, or the address at which it arrived. A client says
// no name where it calls an address (RFC 6066 section 3).
func calledAs(hello *tls.ClientHelloInfo) string {
	if hello.ServerName != "" || hello.Conn == nil {
		return hello.ServerName
	}
	host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String())
	if err != nil {
		return "" // no network address
	}
	return host
}
