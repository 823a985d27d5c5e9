// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/practice"
)

func TestASinkIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	secret := map[string]practice.Secret{"Authorization": practice.SecretEnv("TOKEN")}
	for _, tt := range []struct {
		name string
		c    Config
		want string // "" is admitted
	}{
		{"a file", Config{Type: "file", Path: "a.log"}, ""},
		{"the standard output", Config{Type: "stdout", Format: "ocsf"}, ""},
		{"syslog of the machine", Config{Type: "syslog", Address: "unix:///dev/log", Facility: "audit"}, ""},
		{"syslog over TLS", Config{Type: "syslog", Address: "tls://logs.example.org:6514", CA: "ca.pem"}, ""},
		{"syslog in clear to this machine", Config{Type: "syslog", Address: "udp://[::1]:514"}, ""},
		{"syslog in clear with a reason", Config{Type: "syslog", Address: "tcp://logs.example.org:601", InsecurePlain: "a cable of our own"}, ""},
		{"OTLP", Config{Type: "otlp", URL: "https://logs.example.org:4318/v1/logs", Headers: secret}, ""},
		{"OTLP in clear to this machine", Config{Type: "otlp", URL: "http://127.0.0.1:4318/v1/logs"}, ""},
		{"OTLP in clear with a reason", Config{Type: "otlp", URL: "http://logs.example.org:4318/v1/logs", InsecurePlain: "a mesh seals it"}, ""},

		{"no type", Config{}, "type: "},
		{"a type that does not exist", Config{Type: "kafka"}, "try file, stdout, syslog or otlp"},
		{"a file without a path", Config{Type: "file"}, "path: is missing"},
		{"a file with an address", Config{Type: "file", Path: "a", Address: "udp://127.0.0.1:514"}, "address: means nothing"},
		{"a name that leaves its folder", Config{Name: "../x", Type: "stdout"}, "name: "},
		{"a format that does not exist", Config{Type: "stdout", Format: "cef"}, "format: "},
		{"a beginning that does not exist", Config{Type: "stdout", From: "yesterday"}, "from: "},
		{"a policy that does not exist", Config{Type: "stdout", OnFailure: "drop"}, "on_failure: "},
		{"a timeout without end", Config{Type: "stdout", Timeout: time.Hour}, "timeout: "},
		{"a lag below a batch", Config{Type: "stdout", MaxLag: 10}, "max_lag: "},
		{"a facility that does not exist", Config{Type: "syslog", Address: "unix:///dev/log", Facility: "kern"}, "facility: "},
		{"an address without a network", Config{Type: "syslog", Address: "logs.example.org:514"}, "names no network"},
		{"an address of another network", Config{Type: "syslog", Address: "http://logs.example.org:514"}, "is not unix://"},
		{"an address without a port", Config{Type: "syslog", Address: "tls://logs.example.org"}, "a host and a port"},
		{"port 0", Config{Type: "syslog", Address: "tls://logs.example.org:0"}, "a host and a port"},
		{"a host with a line break", Config{Type: "syslog", Address: "tls://a\nb:6514"}, "a host and a port"},
		{"a socket of no fixed place", Config{Type: "syslog", Address: "unix://log"}, "path of a socket"},
		{"syslog in clear", Config{Type: "syslog", Address: "udp://logs.example.org:514"}, "in clear"},
		{"syslog in clear to a name that looks like this machine", Config{Type: "syslog", Address: "tcp://localhost.example.org:514"}, "in clear"},
		{"a blank reason", Config{Type: "syslog", Address: "udp://logs.example.org:514", InsecurePlain: " "}, "gives no reason"},
		{"authorities without TLS", Config{Type: "syslog", Address: "tcp://127.0.0.1:514", CA: "ca.pem"}, "ca: "},
		{"OTLP in clear", Config{Type: "otlp", URL: "http://logs.example.org:4318/v1/logs"}, "in clear"},
		{"a password in the address", Config{Type: "otlp", URL: "https://u:hunter2@logs.example.org/v1/logs"}, "secrets go into headers"},
		{"a query in the address", Config{Type: "otlp", URL: "https://logs.example.org/v1/logs?key=hunter2"}, "secrets go into headers"},
		{"an address that is none", Config{Type: "otlp", URL: "https://"}, "is not an address"},
		{"another scheme", Config{Type: "otlp", URL: "ftp://logs.example.org/"}, "neither https nor http"},
		{"authorities of http", Config{Type: "otlp", URL: "http://127.0.0.1/", CA: "ca.pem"}, "ca: "},
		{"a header of the message", Config{Type: "otlp", URL: "https://a.example/", Headers: map[string]practice.Secret{"Content-Length": practice.SecretEnv("X")}}, "cannot be set"},
		{"a header that is two", Config{Type: "otlp", URL: "https://a.example/", Headers: map[string]practice.Secret{"A\r\nB": practice.SecretEnv("X")}}, "cannot be set"},
		{"a header without a value", Config{Type: "otlp", URL: "https://a.example/", Headers: map[string]practice.Secret{"A": {}}}, "headers.A: is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want it admitted", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error holds a secret: %v", err)
			case err != nil && strings.ContainsAny(err.Error(), "\r\n"):
				t.Errorf("the error has lines: %q", err)
			}
		})
	}
}

func TestEveryFacilityOfTheManualHasItsNumber(t *testing.T) {
	if got := len(slices.Compact(slices.Sorted(maps.Values(facilities)))); got != 13 {
		t.Errorf("got %d numbers, want 13 that differ", got)
	}
}
