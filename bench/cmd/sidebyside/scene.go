// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A scene is a backend and the proxies before it, each in processes of its own.
type scene struct {
	root, dir string
	yett      string // the program
	key       string // sent to all as X-API-Key; only yett looks at it
	running   []*exec.Cmd
	peers     []*peer
}

// A peer is a proxy that is measured.
type peer struct {
	name    string
	address string
	ca      string // file of the root that its certificate is signed by
	cmd     *exec.Cmd
}

func (p *peer) pid() int { return p.cmd.Process.Pid }

func (s *scene) open(ctx context.Context) error {
	if err := s.certificate(); err != nil {
		return err
	}
	upstream, _, err := s.part(ctx, "backend")
	if err != nil {
		return err
	}
	for _, open := range []func(context.Context, string) (*peer, error){s.openNginx, s.openReverseProxy, s.openYett} {
		p, err := open(ctx, upstream)
		if err != nil {
			return err
		}
		s.peers = append(s.peers, p)
	}
	return nil
}

// close ends every process that open started.
func (s *scene) close() error {
	var all []error
	for _, c := range s.running {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			all = append(all, err)
		}
	}
	for _, c := range s.running {
		kill := time.AfterFunc(10*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait() // ended by our signal, which is no error
		kill.Stop()
	}
	return errors.Join(all...)
}

// start starts a program whose output goes to a file in the scene's folder.
func (s *scene) start(out io.Writer, name, program string, args ...string) (*exec.Cmd, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()  // the program has its own handle
	c := exec.Command(program, args...) //nolint:gosec,noctx // programs of this scene, ended by close
	c.Dir, c.Stdout, c.Stderr = s.dir, log, log
	if out != nil {
		c.Stdout = out
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	s.running = append(s.running, c)
	return c, nil
}

// part starts this program in another part, and returns the address that it prints.
func (s *scene) part(_ context.Context, name string, args ...string) (string, *exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = errors.Join(r.Close(), w.Close()) }()
	c, err := s.start(w, name, self, append([]string{name}, args...)...)
	if err != nil {
		return "", nil, err
	}
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", nil, err
	}
	var address string
	if _, err := fmt.Fscanln(r, &address); err != nil {
		return "", nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	return address, c, nil
}

func (s *scene) openReverseProxy(ctx context.Context, upstream string) (*peer, error) {
	address, c, err := s.part(ctx, "reverseproxy", upstream, s.file("cert.pem"), s.file("key.pem"))
	return &peer{name: "ReverseProxy", address: address, ca: s.file("cert.pem"), cmd: c}, err
}

func (s *scene) file(name string) string { return filepath.Join(s.dir, name) }

const nginxConf = `%s
worker_processes auto;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	upstream backend { server %s; keepalive 64; keepalive_requests 10000000; }
	server {
		listen %s ssl;
		ssl_protocols TLSv1.3;
		ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
		ssl_certificate cert.pem;
		ssl_certificate_key key.pem;
		keepalive_requests 10000000;
		location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
`

// nginxProgram finds nginx where Debian puts it even if that is not in PATH.
func nginxProgram() (string, error) {
	if p, err := exec.LookPath("nginx"); err == nil {
		return p, nil
	}
	return exec.LookPath("/usr/sbin/nginx")
}

func (s *scene) openNginx(ctx context.Context, upstream string) (*peer, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // so that the workers may use the folder
	}
	if err := os.WriteFile(s.file("nginx.conf"), fmt.Appendf(nil, nginxConf, user, upstream, address), 0o600); err != nil {
		return nil, err
	}
	program, err := nginxProgram()
	if err != nil {
		return nil, err
	}
	c, err := s.start(nil, "nginx", program, "-p", s.dir+"/", "-c", s.file("nginx.conf"), "-e", s.file("error.log"), "-g", "daemon off;")
	if err != nil {
		return nil, err
	}
	return &peer{name: "nginx", address: address, ca: s.file("cert.pem"), cmd: c}, s.await(ctx, address, "nginx")
}

const yettConf = `listen: %q
admin: { listen: "127.0.0.1:0" }
data: data
ratelimit: { requests: 10000000, per: 1m, address: { requests: 10000000, per: 1m } }
apis:
  - { name: shop, openapi: %q, upstream: "http://%s" }
`

func (s *scene) openYett(ctx context.Context, upstream string) (*peer, error) {
	s.yett = s.file("yett")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.yett, "./cmd/yett") //nolint:gosec // our own program
	build.Dir = s.root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build yett: %w\n%s", err, out)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	conf := fmt.Appendf(nil, yettConf, address, filepath.Join(s.root, "examples", "shop", "shop.openapi.yaml"), upstream)
	if err := os.WriteFile(s.file("yett.yaml"), conf, 0o600); err != nil {
		return nil, err
	}
	c, err := s.start(nil, "yett", s.yett, "run", "-c", "yett.yaml")
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, address, "yett"); err != nil {
		return nil, err
	}
	create := exec.CommandContext(ctx, s.yett, "key", "create", "--data", "data", "--client", "bench", //nolint:gosec // our own program
		"--scope", "orders:read", "--scope", "orders:write", "--json")
	create.Dir = s.dir
	out, err := create.Output()
	if err != nil {
		return nil, fmt.Errorf("yett key create: %w", err)
	}
	var k struct{ Key string }
	if err := json.Unmarshal(out, &k); err != nil {
		return nil, fmt.Errorf("yett key create: %w", err)
	}
	s.key = k.Key
	return &peer{name: "yett", address: address, ca: s.file("data/ca.pem"), cmd: c}, nil
}

// await waits until address accepts a connection.
func (s *scene) await(ctx context.Context, address, name string) error {
	for range 200 {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	log, err := os.ReadFile(s.file(name + ".log"))
	return errors.Join(fmt.Errorf("%s does not start:\n%s", name, log), err)
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// certificate makes the certificate of those that do not make one for themselves: P-256, as yett's own.
func (s *scene) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(s.file("cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(s.file("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// versions says what was measured on what.
func (s *scene) versions(ctx context.Context) []string {
	nginx := "nginx, version unknown"
	if p, err := nginxProgram(); err == nil {
		if out, err := exec.CommandContext(ctx, p, "-v").CombinedOutput(); err == nil { //nolint:gosec // nginx
			nginx = strings.TrimSpace(strings.TrimPrefix(string(out), "nginx version: "))
		}
	}
	yett := "yett, version unknown"
	if out, err := exec.CommandContext(ctx, s.yett, "version").Output(); err == nil { //nolint:gosec // our own program
		yett = strings.TrimSpace(string(out))
	}
	return []string{yett, nginx, runtime.Version(), processor() + busy()}
}
