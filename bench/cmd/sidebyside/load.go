// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A kind of request.
type kind struct {
	name, method, path string
	body               string
	status             int
}

var kinds = []kind{
	{name: "GET", method: "GET", path: "/orders/1", status: http.StatusOK},
	{name: "POST", method: "POST", path: "/orders", body: newOrder, status: http.StatusCreated},
}

var (
	address = `"ship_to":{"name":"Greta Grau","street":"Mill Lane 7","postcode":"12219","city":"Lyon","country":"FR"},"deliver_on":"2026-12-18"`
	// newOrder is an order of 1,024 bytes that the shop's description admits.
	newOrder = filled(`{"customer_id":7,"currency":"EUR","items":[` + strings.Repeat(`{"product_id":12,"quantity":1},`, 14) +
		`{"product_id":1,"quantity":3}],` + address + `,"note":"%s"}`)
	// theOrder is an answer of 1,024 bytes with declared fields only.
	theOrder = []byte(filled(`{"id":1,"status":"paid","total":28600,"customer_id":8,"currency":"EUR","items":[` +
		strings.Repeat(`{"product_id":12,"quantity":1,"price":3350},`, 9) + `{"product_id":1,"quantity":3,"price":7300}],` + address + `,"note":"%s"}`))
)

const size = 1024

// filled replaces %s by ordinary words until the text is as long as it is to be.
func filled(text string) string {
	words := strings.Repeat("leave it with the neighbours at number nine, ", 12)
	return strings.Replace(text, "%s", words[:size-len(text)+2], 1)
}

const connections = 8

// send has another process send n requests of a kind to a peer.
func (s *scene) send(ctx context.Context, p *peer, k kind, n int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, self, "load", "-address", p.address, "-ca", p.ca, "-kind", k.name, "-n", strconv.Itoa(n)) //nolint:gosec // this program
	c.Env = append(os.Environ(), "BENCH_KEY="+s.key)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// load sends requests over connections that it keeps, and fails at the first answer that is not as it should be.
func load(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	address := flags.String("address", "", "of the proxy")
	ca := flags.String("ca", "", "root certificate")
	name := flags.String("kind", "GET", "of requests")
	n := flags.Int64("n", 1, "requests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile(*ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}},
		MaxIdleConnsPerHost: connections, DisableCompression: true,
	}}
	var k kind
	for _, k = range kinds {
		if k.name == *name {
			break
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for next.Add(1) <= *n {
				if err := ask(ctx, client, "https://"+*address, k); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// ask makes one request with the fields that a client of an API sends.
func ask(ctx context.Context, client *http.Client, base string, k kind) (err error) {
	req, err := http.NewRequestWithContext(ctx, k.method, base+k.path, strings.NewReader(k.body))
	if err != nil {
		return err
	}
	req.Header = http.Header{
		"User-Agent": {"shop-app/5.2 (bench)"}, "Accept": {"application/json"}, "Accept-Language": {"en-GB,en;q=0.8"},
		"X-Api-Key": {os.Getenv("BENCH_KEY")}, "Cache-Control": {"no-cache"}, "Referer": {"https://shop.example.org/orders"},
	}
	if k.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4*size))
	if err != nil {
		return err
	}
	if res.StatusCode != k.status || len(body) != size {
		return fmt.Errorf("%s %s: %d with %d bytes, want %d with %d: %.300s", k.method, k.path, res.StatusCode, len(body), k.status, size, body)
	}
	return nil
}
