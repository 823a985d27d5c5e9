// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"yett/practice"
)

// Transit is the transit engine of a Vault or OpenBao server: the key-encryption key never leaves it. It is asked when the
// gateway starts and when keys change, not for requests.
type Transit struct {
	// Address of the server: https, or http on this machine only.
	Address string `yaml:"address" config:"gateway"`
	// Mount is where the engine is mounted (default transit), Key the name of the key in it: an AEAD key, such as aes256-gcm96.
	Mount string `yaml:"mount" config:"gateway"`
	Key   string `yaml:"key" config:"gateway"`
	// Token is read anew for every call, so that whoever renews it need not tell us.
	Token practice.Secret `yaml:"token" config:"gateway"`
	// CA is a file of certificates to trust in place of the system's.
	CA string `yaml:"ca" config:"file,gateway"`
	// Namespace is that of the engine, where the server has any.
	Namespace string `yaml:"namespace" config:"gateway"`
}

// mount is Mount, or its default.
func (t Transit) mount() string { return cmp.Or(t.Mount, "transit") }

// given reports whether the configuration names a server at all.
func (t Transit) given() bool { return t.Address != "" || t.Key != "" || !t.Token.IsZero() }

// validate reports what is wrong with t, which the configuration names at.
func (t Transit) validate(at string) error {
	u, err := url.Parse(t.Address)
	switch {
	case t.Address == "":
		return fmt.Errorf("%s.address: is missing (try https://vault.example.org:8200)", at)
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s.address: %q is no address (try https://vault.example.org:8200)", at, t.Address)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%s.address: %q would send keys in clear (use https)", at, t.Address)
	case !plainName(t.Key, false):
		return fmt.Errorf("%s.key: %q is no name of a key (try yett)", at, t.Key)
	case !plainName(t.mount(), true):
		return fmt.Errorf("%s.mount: %q is no path (try transit)", at, t.Mount)
	case t.Token.IsZero():
		return fmt.Errorf("%s.token: is missing (use {file: …} or {env: …})", at)
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// plainName reports whether s can stand in a path without being escaped, or changing it.
func plainName(s string, slashes bool) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
		}) {
			return false
		}
	}
	return slashes || !strings.Contains(s, "/")
}

// remote is the key-encryption key on such a server.
type remote struct {
	t      Transit
	client *http.Client
}

const (
	remoteTime = 10 * time.Second
	maxAnswer  = 1 << 20
)

// NewTransit makes the client. It calls nobody yet.
func NewTransit(t Transit) (KEK, error) { return transitOf("transit", t) }

func transitOf(at string, t Transit) (KEK, error) {
	if err := t.validate(at); err != nil {
		return nil, err
	}
	t.Address = plainAddress(t.Address)
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("%s.ca: %w", at, err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s.ca: %s holds no certificate", at, t.CA)
		}
	}
	return &remote{t: t, client: &http.Client{
		Timeout: remoteTime,
		// No proxy of the environment: the token would go through it.
		Transport:     &http.Transport{TLSClientConfig: config, DialContext: (&net.Dialer{Timeout: remoteTime}).DialContext, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// plainAddress writes an address that validate accepts in the one way in which ID names it.
func plainAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Host = strings.ToLower(u.Host) // the scheme is lower case already
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u.String()
}

// A refusedError says that the server answered, and that what it was given is none of its own.
type refusedError struct{ Err error }

func (e *refusedError) Error() string { return e.Err.Error() }

// Unwrap returns what it said.
func (e *refusedError) Unwrap() error { return e.Err }

// ID names the place: the versions of the key there are the server's business.
func (r *remote) ID() string { return r.t.mount() + "/" + r.t.Key + atServer + r.t.Address }

// atServer stands in the id of a key that a server keeps, and in no other.
const atServer = " at "

type transitBody struct {
	Plaintext  []byte `json:"plaintext,omitempty"` // base64, as encoding/json writes it
	Ciphertext string `json:"ciphertext,omitempty"`
	Bound      []byte `json:"associated_data,omitempty"`
}

func (r *remote) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	out, err := r.call(ctx, "encrypt", transitBody{Plaintext: plain, Bound: bound})
	if err == nil && out.Ciphertext == "" {
		err = errors.New("its answer holds no ciphertext")
	}
	if err != nil {
		return nil, fmt.Errorf("transit: encrypt with %s: %w", r.ID(), err)
	}
	return []byte(out.Ciphertext), nil
}

func (r *remote) DecryptWithContext(ctx context.Context, sealed, bound []byte) ([]byte, error) {
	out, err := r.call(ctx, "decrypt", transitBody{Ciphertext: string(sealed), Bound: bound})
	if err == nil && len(out.Plaintext) == 0 {
		err = errors.New("its answer holds no plaintext")
	}
	if err != nil {
		return nil, fmt.Errorf("transit: decrypt with %s: %w", r.ID(), err)
	}
	return out.Plaintext, nil
}

// call asks the server. Errors say what it said of itself, never what was sent.
func (r *remote) call(ctx context.Context, what string, in transitBody) (out transitBody, err error) {
	token, err := r.t.Token.Value()
	if err != nil {
		return out, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		r.t.Address+"/v1/"+r.t.mount()+"/"+what+"/"+r.t.Key, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Vault-Token", string(token))
	req.Header.Set("X-Vault-Request", "true")
	if r.t.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", r.t.Namespace)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	var answer struct {
		Data   transitBody `json:"data"`
		Errors []string    `json:"errors"`
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return out, err
	}
	// An answer that is no JSON is told by its status below.
	jsonErr := json.Unmarshal(text, &answer)
	switch {
	case res.StatusCode == http.StatusOK && jsonErr != nil:
		return out, errors.New("its answer is no JSON")
	case res.StatusCode == http.StatusOK:
		return answer.Data, nil
	case res.StatusCode == http.StatusServiceUnavailable:
		return out, errors.New("503: it is sealed or not ready (unseal it)")
	case res.StatusCode == http.StatusForbidden:
		return out, fmt.Errorf("403: the token may not (it needs update on %s/encrypt/%s and %s/decrypt/%s)", r.t.mount(), r.t.Key, r.t.mount(), r.t.Key)
	}
	err = fmt.Errorf("%d: %.200s", res.StatusCode, strings.Join(answer.Errors, "; "))
	if res.StatusCode == http.StatusBadRequest {
		err = &refusedError{err}
	}
	return out, err
}
