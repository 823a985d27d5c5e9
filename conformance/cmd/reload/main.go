// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command reload changes the configuration of the real binary while wrk asks it without a pause: 20 reloads, two of them
// broken, and 20 replaced certificates, one pair of them mismatched. It fails if one request or handshake fails, if a
// WebSocket that was open before does not survive, if a limit forgets what it has counted, or if memory grows over
// 1,000 more reloads.
//
//	go run ./cmd/reload -yett ../bin/yett [-for 2m] [-reloads 1000]
//
// Debian has wrk.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"yett/conformance/internal/gate"
)

const description = `openapi: 3.1.0
info: { title: reload, version: "1" }
paths:
  /open: { get: { operationId: open, security: [], x-yett-public: the load carries no key, responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /few: { get: { operationId: few, security: [], x-yett-public: the limit is by address, responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /socket: { get: { operationId: socket, security: [], x-yett-public: a long talk, x-yett-websocket: true, responses: { "101": { description: ok } } } }
`

// The limit of few is what must not forget; the load itself is not limited.
const operations = "    operations: { few: { ratelimit: { requests: 10, per: 24h } } }\n"

const settings = `
ratelimit: { requests: 1000000, per: 1s, address: { requests: 100000000, per: 1s } }
https: { cert: site.crt, key: site.key }
`

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	load := flag.Duration("for", 2*time.Minute, "how long wrk asks")
	reloads := flag.Int("reloads", 1000, "reloads without load, for the memory")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *load+10*time.Minute)
	defer cancel()
	if err := run(ctx, *binary, *load, *reloads); err != nil {
		log.Fatal(err)
	}
}

// A trial is a gate whose files change.
type trial struct {
	*gate.Gate
	dir     string
	version int
}

func run(ctx context.Context, binary string, load time.Duration, reloads int) (err error) {
	dir, err := os.MkdirTemp("", "reload")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	upstream := httptest.NewServer(http.HandlerFunc(serve))
	defer upstream.Close()
	t := &trial{dir: dir}
	if err := errors.Join(t.certificate(true), t.write("openapi.yaml", description)); err != nil {
		return err
	}
	if t.Gate, err = gate.StartConfigured(ctx, binary, dir, upstream.URL, operations, settings); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Stop()) }()

	talk, _, err := websocket.Dial(ctx, "wss://"+t.Addr+"/socket", &websocket.DialOptions{HTTPClient: insecure()})
	if err != nil {
		return err
	}
	defer func() { _ = talk.CloseNow() }()
	if err := say(ctx, talk, "before"); err != nil {
		return err
	}
	counted, err := t.remaining()
	if err != nil {
		return err
	}
	if err := t.underLoad(ctx, load); err != nil {
		return err
	}
	if err := say(ctx, talk, "after"); err != nil {
		return fmt.Errorf("the WebSocket: %w", err)
	}
	left, err := t.remaining()
	if err != nil {
		return err
	}
	if left >= counted {
		return fmt.Errorf("a daily limit had %d left before and %d after", counted, left)
	}
	fmt.Printf("the WebSocket lives, a daily limit went from %d to %d\n", counted, left)
	return t.memory(ctx, reloads)
}

// serve is the service behind the gate.
func serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/socket" {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "ok") // the caller is the judge
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the gate looks at Origin
	if err != nil {
		return
	}
	for {
		kind, b, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, b) != nil {
			return
		}
	}
}

func say(ctx context.Context, c *websocket.Conn, text string) error {
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return err
	}
	_, b, err := c.Read(ctx)
	if err == nil && string(b) != text {
		err = fmt.Errorf("said %q, heard %q", text, b)
	}
	return err
}

// insecure trusts any certificate: which one is served is not what is measured here.
func insecure() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, // #nosec G402
	}}
}

var remainingOf = regexp.MustCompile(`r=(\d+)`)

// remaining asks for few, and returns what is left of its limit of a day.
func (t *trial) remaining() (int, error) {
	res, err := insecure().Get("https://" + t.Addr + "/few")
	if err != nil {
		return 0, err
	}
	if err := res.Body.Close(); err != nil {
		return 0, err
	}
	for _, v := range res.Header.Values("RateLimit") {
		if m := remainingOf.FindStringSubmatch(v); m != nil && strings.Contains(v, "caller") {
			return strconv.Atoi(m[1])
		}
	}
	return 0, fmt.Errorf("status %d and no limit in %q", res.StatusCode, res.Header.Values("RateLimit"))
}

// underLoad reloads 20 times and replaces the certificate 20 times while wrk asks.
func (t *trial) underLoad(ctx context.Context, load time.Duration) error {
	wrk := exec.CommandContext(ctx, "wrk", "-t2", "-c32", fmt.Sprintf("-d%ds", int(load.Seconds())), "--timeout", "20s", "https://"+t.Addr+"/open")
	var out bytes.Buffer
	wrk.Stdout, wrk.Stderr = &out, &out
	if err := wrk.Start(); err != nil {
		return fmt.Errorf("wrk: %w (Debian: apt-get install wrk)", err)
	}
	handshakes, stop := t.handshakes()
	pause := load / 22
	for i := range 20 {
		time.Sleep(pause)
		broken := i%10 == 5
		if err := t.reload(ctx, broken); err != nil {
			return err
		}
		if i == 12 { // the old pair goes on, until there is a good one again
			if err := t.certificate(false); err != nil {
				return err
			}
			time.Sleep(2 * time.Second)
		}
		if err := t.certificate(true); err != nil {
			return err
		}
	}
	err := wrk.Wait()
	failed := stop()
	fmt.Printf("%s%d handshakes, %d failed\n", out.String(), handshakes.Load(), len(failed))
	switch {
	case err != nil:
		return fmt.Errorf("wrk: %w", err)
	case strings.Contains(out.String(), "Socket errors") || strings.Contains(out.String(), "Non-2xx"):
		return errors.New("requests failed under reload")
	case len(failed) > 0:
		return fmt.Errorf("handshakes failed: %w", failed[0])
	}
	return nil
}

// handshakes opens one connection after the other until stop is called.
func (t *trial) handshakes() (count *atomic.Int64, stop func() []error) {
	count = new(atomic.Int64)
	end, done := make(chan struct{}), make(chan []error)
	go func() {
		var failed []error
		for {
			select {
			case <-end:
				done <- failed
				return
			case <-time.After(5 * time.Millisecond):
			}
			c, err := tls.Dial("tcp", t.Addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) // #nosec G402
			count.Add(1)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			_ = c.Close() // nothing was said
		}
	}()
	return count, func() []error { close(end); return <-done }
}

// reload changes yett.yaml and asks for it. A broken one must be refused with file and line.
func (t *trial) reload(ctx context.Context, broken bool) error {
	t.version++
	before, err := os.ReadFile(filepath.Join(t.dir, "yett.yaml"))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s# %d\n", before, t.version)
	if broken {
		text += "sanitize: { mode: sometimes }\n"
	}
	if err := t.write("yett.yaml", text); err != nil {
		return err
	}
	out, err := t.Run(ctx, "reload")
	switch {
	case broken && (err == nil || !strings.Contains(out, "yett.yaml:") || !strings.Contains(out, "sanitize.mode")):
		return fmt.Errorf("a broken configuration: %w\n%s", err, out)
	case broken:
		return t.write("yett.yaml", string(before))
	case err != nil:
		return fmt.Errorf("a good configuration: %w\n%s", err, out)
	}
	return t.write("yett.yaml", string(before)) // so that it does not grow; it is looked at and taken over
}

// memory reloads without load and compares what the process holds.
func (t *trial) memory(ctx context.Context, reloads int) error {
	some := func(n int) (int, error) {
		for range n {
			if err := t.reload(ctx, false); err != nil {
				return 0, err
			}
		}
		time.Sleep(2 * time.Second)
		return t.Resident()
	}
	first, err := some(max(reloads/10, 1))
	if err != nil {
		return err
	}
	last, err := some(reloads)
	if err != nil {
		return err
	}
	fmt.Printf("%d reloads: from %d to %d KiB resident\n", reloads, first, last)
	if last > first+first/4+8<<10 {
		return errors.New("memory grows with every reload")
	}
	return nil
}

// certificate replaces the pair, the certificate first. Where they are to match no more, the old pair must go on.
func (t *trial) certificate(match bool) error {
	cert, key, err := pair()
	if err != nil {
		return err
	}
	if !match {
		if _, key, err = pair(); err != nil {
			return err
		}
	}
	return errors.Join(t.write("site.crt", cert), t.write("site.key", key))
}

func pair() (cert, private string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "reload"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(60 * 24 * time.Hour), DNSNames: []string{"site.example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", "", err
	}
	der8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der8})), nil
}

// write replaces a file at once.
func (t *trial) write(name, text string) error {
	next := filepath.Join(t.dir, name+".next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(t.dir, name))
}
