// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/gateway"
	"yett/problem"
)

func TestOnlyWhatTheDescriptionDeclaresReachesTheUpstream(t *testing.T) {
	g := before(t, echo, "")
	key := g.key()
	for i, tt := range []struct {
		name, method, path, key, body string
		status                        int
		code                          string // of the problem document; "" reaches the upstream
	}{
		{"a declared call with a key passes", "GET", "/pets/1", key, "", 200, ""},
		{"a call without a key is refused", "GET", "/pets/1", "", "", 401, "unauthenticated"},
		{"a key that nobody issued is refused", "GET", "/pets/1", "yett_x", "", 401, "invalid_key"},
		{"a parameter out of its range is refused", "GET", "/pets/0", key, "", 400, "parameter_invalid"},
		{"an undeclared parameter is refused", "GET", "/pets/1?x=1", key, "", 400, "unknown_parameter"},
		{"an encoded slash is refused", "GET", "/pets/..%2f", key, "", 400, "ambiguous_path"},
		{"an undeclared path is not there", "GET", "/nothing", key, "", 404, "undeclared_path"},
		{"an undeclared method is not offered", "PUT", "/pets", key, "", 405, "undeclared_method"},
		{"a body that fits passes", "POST", "/pets", key, `{"name":"x"}`, 200, ""},
		{"a read-only property is refused", "POST", "/pets", key, `{"name":"x","id":3}`, 422, "body_invalid"},
		{"a member that comes twice is refused", "POST", "/pets", key, `{"name":"x","name":"y"}`, 400, "json_duplicate_name"},
		{"HEAD is allowed where GET is", "HEAD", "/pets/1", key, "", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := []string{"Content-Type", "application/json"}
			if tt.key != "" {
				fields = append(fields, "X-API-Key", tt.key)
			}
			res, body := g.do(tt.method, tt.path, tt.body, fields...)
			var doc struct{ Code, Instance string }
			if tt.code != "" {
				if err := json.Unmarshal([]byte(body), &doc); err != nil {
					t.Fatalf("%v: %q", err, body)
				}
			}
			r := g.last(i + 1)
			if res.StatusCode != tt.status || doc.Code != tt.code || r.Reached != (tt.code == "") {
				t.Errorf("got %d %q, reached %t, want %d %q", res.StatusCode, doc.Code, r.Reached, tt.status, tt.code)
			}
			if tt.code != "" && (doc.Instance != "urn:uuid:"+r.ID || r.Code != tt.code || res.Header.Get("Content-Type") != problem.ContentType) {
				t.Errorf("instance %q of a %s, and the record is %s with %q", doc.Instance, res.Header.Get("Content-Type"), r.ID, r.Code)
			}
		})
	}
}

func TestUndeclaredMethodsAreToldWhatIsAllowed(t *testing.T) {
	g := before(t, echo, "")
	for _, tt := range []struct {
		name, request string
		status        int
		allow         string
	}{
		{"another method", "PUT /pets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405, "OPTIONS, POST"},
		{"OPTIONS that is no preflight", "OPTIONS /pets/1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 204, "GET, HEAD, OPTIONS"},
		{"TRACE", "TRACE /pets/1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS of the server itself", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 204, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := g.raw(tt.request)
			if got := sorted(res.Header.Get("Allow")); res.StatusCode != tt.status || got != tt.allow {
				t.Errorf("got %d, Allow %q, want %d, %q", res.StatusCode, got, tt.status, tt.allow)
			}
		})
	}
}

func TestChecksOfARunningGatewayFindItEffective(t *testing.T) {
	g := before(t, echo, "")
	var got struct{ Checks []gateway.Checked }
	if err := g.admin.Call(t.Context(), "GET", "/checks", nil, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Checks) < 8 {
		t.Errorf("there are %d checks", len(got.Checks))
	}
	for _, c := range got.Checks {
		if c.ID == "encrypt/kek" {
			continue // the key lies beside the data, as on every first start: weak, and said so
		}
		if c.Verdict == "ineffective" || c.Verdict == "weak" || c.Verdict == "unknown" {
			t.Errorf("%s is %s: %s %v", c.ID, c.Verdict, c.Summary, c.Evidence)
		}
		if len(c.Cites) == 0 {
			t.Errorf("%s cites nothing", c.ID)
		}
	}
}

func TestTheAdminSocketIsForItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps no such bits on a socket")
	}
	g := before(t, echo, "")
	g.do("GET", "/open/x", "") // it serves, so the socket is there
	info, err := os.Stat(filepath.Join(g.dir, "data", gateway.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("got mode %v, want a socket of 0600", info.Mode())
	}
}

func TestTheAdminAddressTellsWhetherItIsAlive(t *testing.T) {
	g := before(t, echo, "")
	g.do("GET", "/open/x", "")
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/keys": 404, "/checks": 404, "/records": 404} {
		res, err := g.h1.Get("https://" + g.AdminAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if err := res.Body.Close(); err != nil || res.StatusCode != want {
			t.Errorf("%s: got %d, %v, want %d", path, res.StatusCode, err, want)
		}
	}
}

func TestTheEndWaitsForWhatIsInFlight(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "whole")
	}, "")
	answer := make(chan string, 1)
	go func() {
		res, err := g.h1.Get(g.url("/open/slow"))
		if err != nil {
			answer <- err.Error()
			return
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer <- string(b)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for { // until nothing new is accepted; "/nothing" asks no upstream
		req, _ := http.NewRequestWithContext(ctx, "GET", g.url("/nothing"), nil)
		if res, err := g.h2.Do(req); err != nil {
			break
		} else if _ = res.Body.Close(); ctx.Err() != nil {
			t.Fatal("new connections are still accepted")
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("Run returned %v while an exchange was in flight", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	if got := <-answer; got != "whole" {
		t.Errorf("got %q, want the whole answer", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// sorted puts a list of words into order.
func sorted(list string) string {
	words := strings.Split(list, ", ")
	slices.Sort(words)
	return strings.Join(words, ", ")
}
