// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"crypto/tls"
	"net/http"
	"os"
	"testing"
	"time"

	"yett/practice"
)

func TestTheHostMustBeTheOneOfTheHandshake(t *testing.T) {
	i := newIssuer(t, t.TempDir(), "root")
	p := i.pair("api", nil, "*.example.org", "127.0.0.1")
	address := behind(t, guard(t, Config{Cert: p.Cert, Key: p.Key}, Options{}))
	for _, tt := range []struct {
		name, sni, host string
		status          int
	}{
		{"the same", "api.example.org", "api.example.org", http.StatusOK},
		{"with a port", "api.example.org", "api.example.org:8443", http.StatusOK},
		{"in another case", "api.example.org", "API.example.org", http.StatusOK},
		{"with the dot of the root", "api.example.org", "api.example.org.", http.StatusOK},
		{"another of the same certificate", "api.example.org", "shop.example.org", http.StatusMisdirectedRequest},
		{"an address", "api.example.org", "127.0.0.1", http.StatusMisdirectedRequest},
		{"one that only begins alike", "api.example.org", "api.example.org.example.net", http.StatusMisdirectedRequest},
		{"no name in the handshake", "127.0.0.1", "shop.example.org", http.StatusOK}, // an address is never sent as a name
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, err := ask(t, address, tt.host, &tls.Config{RootCAs: i.pool(), ServerName: tt.sni})
			if err != nil || status != tt.status {
				t.Errorf("got %d, %v, want %d", status, err, tt.status)
			}
		})
	}
}

// verdict runs a check that asks the configuration in use.
func verdict(t *testing.T, g *Guard, id string) practice.Finding {
	t.Helper()
	for _, c := range g.checks() {
		if c.ID == id {
			return c.Run(t.Context(), nil)
		}
	}
	t.Fatal("there is no check " + id)
	return practice.Finding{}
}

func TestChecksTellWhatIsInUse(t *testing.T) {
	c := newClub(t)
	now := time.Now()
	clock := func() time.Time { return now }
	g := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file()}, Options{Now: clock})
	open := guard(t, Config{Cert: c.own.Cert, Key: c.own.Key, ClientCA: c.members.file(), ClientAuth: "optional"}, Options{Now: clock})
	for _, tt := range []struct {
		id   string
		g    *Guard
		want practice.Verdict
	}{
		{"https/old-protocols", g, practice.Effective},
		{"https/old-protocols", open, practice.Effective},
		{"https/certificates", g, practice.Effective},
		{"https/client-certificates", g, practice.Effective},
		{"https/client-certificates", open, practice.NotApplicable},
		{"https/client-certificates", guard(t, Config{Cert: c.own.Cert, Key: c.own.Key}, Options{}), practice.NotApplicable},
	} {
		if f := verdict(t, tt.g, tt.id); f.Verdict != tt.want {
			t.Errorf("%s: got %+v, want %v", tt.id, f, tt.want)
		}
	}
	if f := open.refuses(t.Context(), "a client without a certificate", &tls.Config{MinVersion: tls.VersionTLS12}); f.Verdict != practice.Ineffective {
		t.Errorf("what is served counts as refused: %+v", f)
	}
	if err := os.Remove(c.own.Key); err != nil {
		t.Fatal(err)
	}
	if f := verdict(t, g, "https/certificates"); f.Verdict != practice.Weak {
		t.Errorf("without the key's file: got %+v", f)
	}
	now = now.Add(91 * 24 * time.Hour)
	if f := verdict(t, g, "https/certificates"); f.Verdict != practice.Ineffective {
		t.Errorf("after the end: got %+v", f)
	}
}
