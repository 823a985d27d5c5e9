// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"yett/admin"
	"yett/api"
	"yett/exchange"
	"yett/practice"
)

// probes finds the records of the gateway's own probes by their trace id, so that a check knows whether its request
// reached the upstream.
type probes struct {
	mu      sync.Mutex
	waiting map[string]chan exchange.Record
}

func (p *probes) observe(r exchange.Record) {
	p.mu.Lock()
	ch := p.waiting[r.Trace]
	delete(p.waiting, r.Trace)
	p.mu.Unlock()
	if ch != nil {
		ch <- r
	}
}

func (p *probes) expect(trace string) <-chan exchange.Record {
	ch := make(chan exchange.Record, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = make(map[string]chan exchange.Record)
	}
	p.waiting[trace] = ch
	return ch
}

func (p *probes) forget(trace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, trace)
}

// target is the running gateway as its own checks see it.
type target struct {
	g      *Gateway
	client *http.Client
}

func (g *Gateway) newTarget() (*target, error) {
	pem, err := g.dir.ReadFile("ca.pem")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca.pem holds no certificate")
	}
	return &target{g: g, client: &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// APIs returns the described APIs.
func (t *target) APIs() []*api.API { return t.g.APIs() }

// Do sends a probe over a real connection to the public address.
func (t *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	if t.g.Addr() == nil {
		return nil, errors.New("the gateway does not listen")
	}
	scheme := "https"
	if p.InClear {
		scheme = "http"
	}
	req, err := http.NewRequestWithContext(ctx, p.Method, scheme+"://"+t.g.Addr().String()+p.Path, bytes.NewReader(p.Body))
	if err != nil {
		return nil, err
	}
	for _, h := range p.Header {
		req.Header.Add(h[0], h[1])
	}
	// An address is never sent as a name: so any host may be called, and the local certificate is shown.
	req.Host = cmp.Or(p.Host, "localhost")
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program first
	trace := hex.EncodeToString(id[:])
	req.Header.Set("Traceparent", "00-"+trace+"-"+trace[:16]+"-01")
	seen := t.g.probes.expect(trace)
	defer t.g.probes.forget(trace)
	res, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	out := &practice.Result{Status: res.StatusCode, Body: body}
	for name, values := range res.Header {
		for _, v := range values {
			out.Header = append(out.Header, [2]string{name, v})
		}
	}
	select {
	case r := <-seen:
		out.Reached = r.Reached
		return out, nil
	case <-time.After(5 * time.Second):
		return nil, errors.New("the probe left no record")
	}
}

// Key makes an API key that lives for five minutes.
func (t *target) Key(ctx context.Context, scopes ...string) (string, error) {
	var made struct {
		Key string `json:"key"`
	}
	in := map[string]any{"client": "yett-audit", "owner": "yett", "scopes": scopes, "expires_in_s": 300}
	if err := admin.InProcess(t.g.AdminHandler()).Call(ctx, http.MethodPost, "/keys", in, &made); err != nil {
		return "", fmt.Errorf("no key for the probe: %w", err)
	}
	return made.Key, nil
}

// A Checked is a check with its finding.
type Checked struct {
	Practice string              `json:"practice"`
	ID       string              `json:"id"`
	Asks     string              `json:"asks"`
	Cites    []string            `json:"cites"`
	Verdict  string              `json:"verdict"`
	Summary  string              `json:"summary"`
	Fix      string              `json:"fix,omitempty"`
	Evidence []practice.Evidence `json:"evidence,omitempty"`
}

// checks runs every practice's checks against the running gateway.
func (g *Gateway) checks(w http.ResponseWriter, r *http.Request) {
	t, err := g.newTarget()
	if err != nil {
		answerJSON(w, map[string]string{"error": err.Error()})
		return
	}
	defer t.client.CloseIdleConnections()
	out := struct {
		Checks []Checked `json:"checks"`
	}{}
	for _, c := range g.gen.Load().checks {
		f := c.Run(r.Context(), t)
		name, _, _ := strings.Cut(c.ID, "/")
		out.Checks = append(out.Checks, Checked{Practice: name, ID: c.ID, Asks: c.Asks, Cites: c.Cites,
			Verdict: f.Verdict.String(), Summary: f.Summary, Fix: f.Fix, Evidence: f.Evidence})
	}
	answerJSON(w, out)
}
