// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"yett/gateway/wire"
)

// A client that asks for the close and still sends must not lose an answer that did not wait for its body.
func TestAnEarlyAnswerReachesAClientThatClosesItself(t *testing.T) {
	pair := httptest.NewTLSServer(http.NotFoundHandler())
	defer pair.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &wire.Server{
		TLS: &tls.Config{Certificates: pair.TLS.Certificates, MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Millisecond) // long enough for the client to fill what the kernel holds
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}),
	}
	go func() { _ = s.Serve(t.Context(), ln) }()
	defer func() { _ = s.Close() }()
	for range 20 {
		client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, // #nosec G402: a test on loopback
		}}
		res, err := client.Post("https://"+ln.Addr().String()+"/", "application/json", bytes.NewReader(make([]byte, 8<<20)))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("got %d", res.StatusCode)
		}
	}
}
