// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"yett/gateway/wire"
)

// drainFor is how long exchanges in flight may take after the end was asked for.
const drainFor = 30 * time.Second

// Run serves until ctx ends, and then drains: it accepts nothing new, and waits for what is in flight.
func (g *Gateway) Run(ctx context.Context) error {
	if err := g.Listen(); err != nil {
		return err
	}
	gen := g.gen.Load()
	public := g.wire(gen)
	public.TLS, public.AdmitPlain = &tls.Config{GetConfigForClient: g.tlsConfig}, true                                  //nolint:gosec // the generation's own says MinVersion
	admin := &wire.Server{Handler: g.adminHandler(), TLS: &tls.Config{GetConfigForClient: g.adminTLS}, ErrorLog: g.log} //nolint:gosec // as above
	socket, err := g.listenSocket()
	if err != nil {
		return err
	}
	control := &http.Server{Handler: g.adminCalls(), ReadHeaderTimeout: 10 * time.Second, ConnContext: withPeer}

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g.begin(background)
	go g.watch(background)
	g.serveInBackground("listen", func() error { return public.Serve(background, g.listener) })
	g.serveInBackground("admin", func() error { return admin.Serve(background, g.admin) })
	g.serveInBackground("socket", func() error { return control.Serve(socket) })
	g.ready.Store(true)

	var failed error
	select {
	case <-ctx.Done():
		if g.options.Draining != nil {
			g.options.Draining()
		}
	case failed = <-g.broken:
		g.log.Error("a part of the gateway ended", "error", failed.Error())
	}
	g.ready.Store(false)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	err = errors.Join(failed, public.Shutdown(drain), g.plainShutdown(drain), admin.Shutdown(drain), control.Shutdown(drain))
	return errors.Join(err, g.end())
}

// serveInBackground serves until it is told to end; an end before that ends the gateway.
func (g *Gateway) serveInBackground(what string, f func() error) {
	go func() {
		if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			g.fail(fmt.Errorf("%s: %w", what, err))
		}
	}()
}

// fail ends the gateway. What fails after the first does not wait for anybody.
func (g *Gateway) fail(err error) {
	select {
	case g.broken <- err:
	default:
	}
}

// wire makes a server of the calls of the APIs.
func (g *Gateway) wire(gen *generation) *wire.Server {
	return &wire.Server{Handler: http.HandlerFunc(g.serve), Wrap: g.accept, Limits: wire.Limits(gen.limits), ErrorLog: g.log}
}

// serve answers a call with the generation that is current when it begins.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	gen := g.enter()
	defer gen.leave()
	gen.server.ServeHTTP(w, r)
}

// accept lets the practices look at a connection before its first byte is read.
func (g *Gateway) accept(c net.Conn) (net.Conn, error) {
	gen := g.enter()
	defer gen.leave()
	for _, f := range gen.accept {
		var err error
		if c, err = f(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// tlsConfig is what a handshake on the public address agrees by: that of the current generation.
func (g *Gateway) tlsConfig(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	conf := g.gen.Load().tls
	if conf.GetConfigForClient != nil {
		return conf.GetConfigForClient(hello)
	}
	return conf, nil
}

// adminTLS is that of the admin address: the same without client certificates, which are the APIs' callers'.
func (g *Gateway) adminTLS(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	conf, err := g.tlsConfig(hello)
	if err != nil || conf == nil || conf.ClientAuth == tls.NoClientCert {
		return conf, err
	}
	conf = conf.Clone()
	conf.ClientAuth, conf.VerifyConnection, conf.VerifyPeerCertificate = tls.NoClientCert, nil, nil
	return conf, nil
}

// A plainServer serves the address for calls in clear.
type plainServer struct {
	address  string
	listener net.Listener
	server   *wire.Server
}

func listenPlain(address string) (plainServer, error) {
	if address == "" {
		return plainServer{}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return plainServer{}, fmt.Errorf("https.plain_listen: %w", err)
	}
	return plainServer{address: address, listener: l}, nil
}

// servePlain begins to serve p.
func (g *Gateway) servePlain(ctx context.Context, gen *generation, p *plainServer) {
	if p.listener == nil {
		return
	}
	p.server = g.wire(gen)
	server, listener := p.server, p.listener
	g.serveInBackground("https.plain_listen", func() error { return server.Serve(ctx, listener) })
}

func (g *Gateway) plainShutdown(ctx context.Context) error {
	g.reloading.Lock()
	server := g.plain.server
	g.reloading.Unlock()
	if server == nil {
		return nil
	}
	return server.Shutdown(ctx)
}

// PlainAddr returns the address for calls in clear; nil where there is none.
func (g *Gateway) PlainAddr() net.Addr {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	return addr(g.plain.listener)
}
