// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rfc5424 is a message as the log sends it. A record of 422 weighs notice, and local0 is 16: 16*8+5.
var rfc5424 = regexp.MustCompile(`^<133>1 2026-11-23T14:08:31\.204000Z gate1 yett \d+ exchange - \{"seq":(\d+),.*\}$`)

func wantMessage(t *testing.T, got string, seq int) {
	t.Helper()
	if m := rfc5424.FindStringSubmatch(got); m == nil || m[1] != strconv.Itoa(seq) {
		t.Errorf("got %q, want record %d in a message of RFC 5424", got, seq)
	}
}

// readCounted reads a message with its length before it.
func readCounted(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	size, err := r.ReadString(' ')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, " "))
	if err != nil || n > 1<<20 {
		t.Fatalf("got the length %q", size)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	if l, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		if err := l.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests close it before
	return c
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // some tests close it before
	return l
}

func TestSyslogOverTCPCountsAndConnectsAgain(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	s := open(t, Config{Type: "syslog", Address: "tcp://" + l.Addr().String()}, Options{Hostname: "gate1"})
	send(t, s, records(1, 2))
	c := accept(t, l)
	r := bufio.NewReader(c)
	wantMessage(t, readCounted(t, r), 1)
	wantMessage(t, readCounted(t, r), 2)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the end of the connection is on its way
	send(t, s, records(3, 1))
	wantMessage(t, readCounted(t, bufio.NewReader(accept(t, l))), 3)
}

func TestSyslogOverTLSSpeaksOnlyToWhomItTrusts(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil) // it has a certificate of its own
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), &tls.Config{Certificates: srv.TLS.Certificates})
	got := make(chan string, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			n, err := c.Read(b) // the stranger's hand-shake fails here
			if err == nil {
				got <- string(b[:n])
			}
			_ = c.Close()
		}
	}()
	for _, authorities := range []string{"", otherCA(t)} {
		s := open(t, Config{Type: "syslog", Address: "tls://" + l.Addr().String(), CA: authorities}, Options{})
		if err := s.Send(t.Context(), records(1, 1)); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("authorities %q: got %v, want that the certificate is not trusted", authorities, err)
		}
	}
	send(t, open(t, Config{Type: "syslog", Address: "tls://" + l.Addr().String(), CA: ca}, Options{Hostname: "gate1"}), records(1, 1))
	wantMessage(t, readCounted(t, bufio.NewReader(strings.NewReader(<-got))), 1)
	if _, err := Open(Config{Type: "syslog", Address: "tls://127.0.0.1:1", CA: filepath.Join(t.TempDir(), "none")}, Options{}); err == nil {
		t.Error("authorities that are not there were opened")
	}
}

// otherCA is an authority that has signed for nobody here.
func otherCA(t *testing.T) string {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A long record has its number and its length in a datagram, and never half of itself.
func TestADatagramHoldsOneWholeMessage(t *testing.T) {
	for _, network := range []string{"udp", "unix"} {
		t.Run(network, func(t *testing.T) {
			var pc net.PacketConn
			var err error
			address := ""
			if network == "udp" {
				pc, err = net.ListenPacket("udp", "127.0.0.1:0")
			} else {
				if runtime.GOOS == "windows" {
					t.Skip("Windows has no datagrams over sockets of the machine")
				}
				address = socketPath(t)
				pc, err = net.ListenPacket("unixgram", address)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pc.Close() })
			if network == "udp" {
				address = pc.LocalAddr().String()
			}
			s := open(t, Config{Type: "syslog", Address: network + "://" + address}, Options{Hostname: "gate1"})
			batch := records(1, 2)
			batch[1].Line = []byte(`{"seq":2,"id":"0199f3c2","kind":"exchange","status":422,"path":"` + strings.Repeat("x", maxDatagram) + `"}`)
			send(t, s, batch)
			if err := pc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 64<<10)
			for seq := 1; seq <= 2; seq++ {
				n, _, err := pc.ReadFrom(b)
				if err != nil {
					t.Fatal(err)
				}
				wantMessage(t, string(b[:n]), seq)
				if long := strings.HasSuffix(string(b[:n]), `{"seq":2,"id":"0199f3c2","kind":"exchange","too_long":`+strconv.Itoa(len(batch[1].Line))+`}`); long != (seq == 2) {
					t.Errorf("record %d: got %q", seq, b[:n])
				}
			}
		})
	}
}

// socketPath is a short one: the name of a socket has about 100 bytes at most.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // best effort
	return filepath.ToSlash(filepath.Join(dir, "log"))
}

func TestASocketOfTheMachineThatIsAStreamHasLines(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the path of a socket on Windows begins with a drive, which no address has")
	}
	name := socketPath(t)
	l := listen(t, "unix", name)
	send(t, open(t, Config{Type: "syslog", Address: "unix://" + name}, Options{Hostname: "gate1"}), records(1, 2))
	r := bufio.NewReader(accept(t, l))
	for seq := 1; seq <= 2; seq++ {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, strings.TrimSuffix(line, "\n"), seq)
	}
}

func TestAServerThatReadsNothingHoldsNobodyUp(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	s := open(t, Config{Type: "syslog", Address: "tcp://" + l.Addr().String(), Timeout: 200 * time.Millisecond}, Options{})
	batch := records(1, 512)
	for i := range batch {
		batch[i].Line = []byte(`{"path":"` + strings.Repeat("x", 2000) + `"}`)
	}
	began := time.Now()
	var err error
	for range 50 { // until the buffers of the system are full
		if err = s.Send(t.Context(), batch); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %v, want that time ran out", err, time.Since(began))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, batch); err == nil {
		t.Error("it sent although it was called off")
	}
}

func TestADeadServerIsAnError(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"tcp://" + l.Addr().String(), "tls://" + l.Addr().String(), "unix://" + socketPath(t)} {
		s := open(t, Config{Type: "syslog", Address: address}, Options{})
		if err := s.Send(t.Context(), records(1, 1)); err == nil {
			t.Errorf("%s: sent to nobody", address)
		}
	}
}

func TestTheHeaderHoldsNothingThatEndsIt(t *testing.T) {
	for in, want := range map[string]string{"": "-", "gate 1\n<0>": "gate1<0>", "ü": "-", strings.Repeat("x", 300): strings.Repeat("x", 255)} {
		if got := headerText(in, 255); got != want {
			t.Errorf("headerText(%q): got %q, want %q", in, got, want)
		}
	}
}
