// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"yett/jose"
)

// maxAnswer bounds what is read of an issuer's answer, and of a file of keys.
const maxAnswer = 1 << 20

// A client speaks to one issuer. It follows no redirect and uses no proxy of the environment: whom the operator named is
// asked, and nobody else.
type client struct{ http *http.Client }

// newClient trusts the authorities in pem, or those of the system where there are none.
func newClient(pem []byte) (*client, error) {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    3 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // an answer is as long as it says
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if pem != nil {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("holds no certificate (PEM is wanted)")
		}
	}
	return &client{&http.Client{Transport: t, Timeout: readTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// close gives up idle connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// A statusError is an answer that is not 200.
type statusError int

func (e statusError) Error() string {
	if e >= 300 && e < 400 {
		return fmt.Sprintf("status %d (redirects are not followed; write the address that they lead to)", int(e))
	}
	return fmt.Sprintf("status %d", int(e))
}

// do sends a request and returns the body of a 200.
func (c *client) do(r *http.Request) (_ []byte, _ http.Header, err error) {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "yett")
	res, err := c.http.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the address is told with the issuer's name
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, nil, statusError(res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("an answer above %d bytes", maxAnswer)
	}
	return body, res.Header, err
}

func (c *client) get(ctx context.Context, address string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	return c.do(r)
}

// post sends a form with the gateway's own name and secret (RFC 6749 section 2.3.1).
func (c *client) post(ctx context.Context, address string, form url.Values, id string, secret []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(string(secret)))
	body, _, err := c.do(r)
	return body, err
}

// jwks reads keys from an address.
func (c *client) jwks(ctx context.Context, address string) (*jose.Set, time.Duration, error) {
	body, header, err := c.get(ctx, address)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", address, err)
	}
	set, _, err := jose.ParseSet(body) // keys for other purposes are passed over
	if err != nil {
		return withdrawn(err), 0, fmt.Errorf("%s: %w", address, err)
	}
	return set, keepFor(header.Get("Cache-Control")), nil
}

// withdrawn is the set of an answer that was read and holds no key: whatever there was, the issuer has withdrawn. Any other err
// says nothing of the keys, and gives nil.
func withdrawn(err error) *jose.Set {
	if errors.Is(err, jose.ErrNoKeys) {
		return jose.NewSet()
	}
	return nil
}

// discover asks an issuer's metadata where its keys are. The metadata must name the same issuer (RFC 8414 section 3.3).
func (c *client) discover(ctx context.Context, issuer string, places []string) (string, error) {
	var all error
	for _, place := range places {
		address, err := c.metadata(ctx, issuer, place)
		if err == nil {
			return address, nil
		}
		all = errors.Join(all, fmt.Errorf("%s: %w", place, err))
		if s, ok := errors.AsType[statusError](err); !ok || s < 400 || s > 499 || s == http.StatusTooManyRequests {
			return "", all // it is there, but cannot be read
		}
	}
	return "", all
}

func (c *client) metadata(ctx context.Context, issuer, place string) (string, error) {
	body, _, err := c.get(ctx, place)
	if err != nil {
		return "", err
	}
	doc, err := jose.ParseClaims(body) // a strict reader of one JSON object, which is what metadata is
	if err != nil {
		return "", err
	}
	if name, ok := doc.Text("issuer"); !ok || name != issuer {
		return "", fmt.Errorf("it is the metadata of %.200q", name)
	}
	address, ok := doc.Text("jwks_uri")
	if !ok {
		return "", errors.New("it names no jwks_uri")
	}
	if err := checkURL(address); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(address, "https:") {
		return "", fmt.Errorf("jwks_uri: %.200q is in clear", address)
	}
	return address, nil
}

// keepFor reads max-age, 10 minutes where there is none (RFC 9111 section 5.2.2).
func keepFor(cacheControl string) time.Duration {
	keep := 10 * time.Minute
	for d := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil && n >= 0 {
				keep = time.Duration(n) * time.Second
			}
		}
	}
	return keep
}

// readFile reads a file of bounded size. Its error names the file.
func readFile(name string) (_ []byte, err error) {
	info, err := os.Stat(name) // a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxAnswer {
		return nil, fmt.Errorf("%s: it is not a file of at most 1 MiB", name)
	}
	f, err := os.Open(name) // #nosec G304 -- the operator's own file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxAnswer))
}

// keysOf reads keys from a file.
func keysOf(name string) (*jose.Set, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	set, _, err := jose.ParseSet(data)
	if err != nil {
		return withdrawn(err), fmt.Errorf("%s: %w", name, err)
	}
	return set, nil
}
