// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"strings"
	"testing"
	"time"
)

func TestConfigurationsAreJudgedBeforeAnythingIsRead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // "": it is taken
	}{
		{"the defaults", func(*Config) {}, ""},
		{"a pair", func(c *Config) { c.Cert, c.Key = "a", "b" }, ""},
		{"a certificate without its key", func(c *Config) { c.Cert = "a" }, "cert is given without key"},
		{"a key without its certificate", func(c *Config) { c.Key = "a" }, "key is given without cert"},
		{"half of a further pair", func(c *Config) { c.Certificates = []Pair{{"a", "b"}, {"a", ""}} }, "certificates[1]: cert is given without key"},
		{"an empty further pair", func(c *Config) { c.Certificates = []Pair{{}} }, "certificates[0]: neither"},
		{"half a pair for services", func(c *Config) { c.Upstream.Key = "a" }, "upstream: key is given"},
		{"an authority of clients", func(c *Config) { c.ClientCA = "a" }, ""},
		{"certificates required of nobody's", func(c *Config) { c.ClientAuth = "required" }, "needs client_ca"},
		{"another word", func(c *Config) { c.ClientCA, c.ClientAuth = "a", "maybe" }, "not off, optional or required"},
		{"a list of nobody's", func(c *Config) { c.CRL = "a" }, "set client_ca"},
		{"browsers that forget", func(c *Config) { c.HSTS = 0 }, ""},
		{"browsers that never knew", func(c *Config) { c.HSTS = -time.Second }, "hsts: "},
		{"one more address", func(c *Config) { c.PlainListen = ":8080" }, ""},
		{"an address without a port", func(c *Config) { c.PlainListen = "localhost" }, "plain_listen: "},
		{"a port that is none", func(c *Config) { c.PlainListen = ":70000" }, "plain_listen: "},
		{"no time", func(c *Config) { c.HeaderTimeout = 0 }, "header_timeout: "},
		{"less than no time", func(c *Config) { c.IdleTimeout = -1 }, "idle_timeout: "},
		{"no time for a body", func(c *Config) { c.BodyTimeout = 0 }, "body_timeout: "},
		{"no time for an answer", func(c *Config) { c.WriteTimeout = 0 }, "write_timeout: "},
		{"any rate", func(c *Config) { c.BodyRate = 0 }, "body_rate: "},
		{"a head of nothing", func(c *Config) { c.MaxHeaderSize = 10 }, "max_header_size: "},
		{"a head of everything", func(c *Config) { c.MaxHeaderSize = 1 << 40 }, "max_header_size: "},
		{"no fields", func(c *Config) { c.MaxHeaders = 0 }, "max_headers: "},
		{"no connections", func(c *Config) { c.MaxConnections = -1 }, "max_connections: "},
		{"no streams", func(c *Config) { c.MaxStreams = 0 }, "max_streams: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := defaults()
			tt.change(&c)
			if err := c.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEveryLimitReachesTheConnection(t *testing.T) {
	c := Config{HeaderTimeout: 1, IdleTimeout: 2, BodyTimeout: 3, BodyRate: 4, WriteTimeout: 5, MaxHeaderSize: 6, MaxHeaders: 7, MaxConnections: 8, MaxStreams: 9}
	l := c.limits()
	if l.HeaderTimeout != 1 || l.Idle != 2 || l.BodyIdle != 3 || l.BodyRate != 4 || l.WriteStall != 5 || l.HeaderBytes != 6 || l.Headers != 7 || l.Connections != 8 || l.Streams != 9 {
		t.Errorf("got %+v", l)
	}
}
