// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"yett/exchange"
	"yett/problem"
)

// An upstream is the service behind one API, asked through net/http's transport. It keeps rewrite semantics only: what
// was judged is what is sent.
type upstream struct {
	target       *url.URL // scheme, host and the path before every operation's own
	prefix       string   // escaped, no trailing slash
	preserveHost bool
	wait         time.Duration // for the head of the answer
	idle         time.Duration // between two pieces of an answer that is no stream
	transport    *http.Transport
}

// transport is the pool of connections to all upstreams. Environment variables never redirect it to a proxy.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           2048,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         16 << 10,
		DisableCompression:     true,
	}
}

// ours are fields that only the gateway may say to the upstream.
func ours(name string) bool {
	switch exchange.FoldName(name) {
	case "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
		"X-Forwarded-Server", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Traceparent", "Accept-Encoding", "Max-Forwards":
		return true
	}
	return false
}

// Do asks the upstream and sets the answer.
func (u *upstream) Do(x *exchange.Exchange) error {
	ctx, cancel := context.WithCancelCause(x.Context())
	x.Defer(func() { cancel(nil) })
	timer := time.AfterFunc(u.wait, func() { cancel(errSilent) })
	var sent sentBody
	res, err := u.transport.RoundTrip(u.request(ctx, x, &sent))
	late := !timer.Stop()
	if err == nil && (late || sent.failed() != nil) {
		_ = res.Body.Close() // nothing of it is used
		// An upstream that answers a body which broke off must not speak for us: the refusal says why it did.
		if err = sent.failed(); err == nil {
			err = errSilent // the time was up in the same moment
		}
	}
	if err != nil {
		return u.failed(ctx, x, err)
	}
	return u.accept(x, res, cancel)
}

var errSilent = errors.New("no answer in time")

func (u *upstream) request(ctx context.Context, x *exchange.Exchange, sent *sentBody) *http.Request {
	req := &x.Request
	h := make(http.Header, req.Header.Len()+6)
	for _, f := range req.Header.All() {
		if !ours(f.Name) {
			k := http.CanonicalHeaderKey(f.Name)
			if k == "Idempotency-Key" || k == "X-Idempotency-Key" {
				k = strings.ToLower(k) // in this case net/http does not take it for leave to send a request twice
			}
			h[k] = append(h[k], f.Value)
		}
	}
	host := req.Host
	if req.Port != "" {
		host += ":" + req.Port
	}
	if addr, err := x.ClientAddr(); err == nil {
		h["X-Forwarded-For"] = []string{addr.String()}
	}
	h["X-Forwarded-Proto"] = []string{req.Scheme}
	h["X-Forwarded-Host"] = []string{host}
	h["Traceparent"] = []string{"00-" + x.Trace + "-" + span() + "-01"}
	// What leaves is looked at; a compressed answer could not be.
	h["Accept-Encoding"] = []string{"identity"}
	if h["User-Agent"] == nil {
		h["User-Agent"] = []string{""} // else net/http names itself
	}
	if x.Operation.WebSocket && req.Upgrade == "websocket" {
		h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	}
	escaped := u.prefix + req.Path
	path, err := url.PathUnescape(escaped)
	if err != nil {
		path = escaped // cannot be: the path is canonical
	}
	out := &http.Request{
		Method: req.Method, Header: h, Host: u.target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: u.target.Scheme, Host: u.target.Host, Path: path, RawPath: escaped, RawQuery: req.Query},
	}
	if u.preserveHost {
		out.Host = host
	}
	if body, length := req.Body.Outgoing(); body != nil {
		if length == 0 {
			_ = body.Close() // it holds nothing; a body without a length would be sent in chunks, and never again
		} else {
			sent.ReadCloser = body
			out.Body, out.ContentLength = sent, length
		}
	}
	return out.WithContext(ctx)
}

// A sentBody remembers why the client's body ended early.
type sentBody struct {
	io.ReadCloser
	err atomic.Pointer[error]
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (b *sentBody) failed() error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

// span is a W3C span id: eight random bytes that are never all zero in practice and need no more than that.
func span() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
	return hex.EncodeToString(b[:])
}

// failed says what a missing answer means to the caller.
func (u *upstream) failed(ctx context.Context, x *exchange.Exchange, err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p // the client's body ended the request: too large, broken, too slow
	}
	if x.Context().Err() != nil {
		return exchange.ClientGone(err)
	}
	if context.Cause(ctx) == errSilent || isTimeout(err) {
		return &problem.Error{Status: http.StatusGatewayTimeout, Code: "upstream_timeout",
			Detail: "The service behind this gateway did not answer in time.", Cause: fmt.Errorf("%s silent for %v: %w", u.target.Host, u.wait, err)}
	}
	code := "upstream_failed"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		code = "upstream_unreachable"
	}
	return &problem.Error{Status: http.StatusBadGateway, Code: code,
		Detail: "The service behind this gateway does not answer.", Cause: fmt.Errorf("%s: %w", u.target.Host, err)}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// accept takes over the upstream's answer.
func (u *upstream) accept(x *exchange.Exchange, res *http.Response, cancel context.CancelCauseFunc) error {
	a := &x.Answer
	a.Status, a.Length = res.StatusCode, res.ContentLength
	named := res.Header["Connection"]
	for name, values := range res.Header {
		if hopByHop(name) || nameIn(named, name) {
			continue
		}
		for _, v := range values {
			if exchange.ValidName(name) && exchange.ValidValue(v) {
				a.Header.Add(name, v)
			}
		}
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		rwc, ok := res.Body.(io.ReadWriteCloser)
		if !ok || !x.Operation.WebSocket || x.Request.Upgrade != "websocket" {
			_ = res.Body.Close()
			return badAnswer("upstream_upgrade", errors.New("the upstream changed the protocol unasked"))
		}
		a.SetTunnel(rwc, "websocket")
		return nil
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/grpc") {
		_ = res.Body.Close()
		return badAnswer("grpc_unsupported", errors.New("gRPC answers need trailers, which are not forwarded"))
	}
	body := res.Body
	if u.idle > 0 && !a.Streams() {
		body = &idleBody{ReadCloser: body, after: u.idle, timer: time.AfterFunc(u.idle, func() { cancel(errSilent) })}
	}
	a.SetBody(body)
	return u.decode(x, res)
}

// decode undoes a content coding that the upstream chose although it was asked for none.
func (u *upstream) decode(x *exchange.Exchange, res *http.Response) error {
	a := &x.Answer
	coding := a.Coding()
	if coding == "" || x.Request.Method == http.MethodHead || a.Status == http.StatusNotModified || a.Status == http.StatusNoContent {
		return nil
	}
	var plain io.Reader
	var err error
	switch {
	case a.Status == http.StatusPartialContent:
		err = errors.New("a part of a compressed answer cannot be read")
	case coding == "gzip" || coding == "x-gzip":
		plain, err = gzip.NewReader(a.Body())
	case coding == "deflate":
		plain, err = zlib.NewReader(a.Body())
	case coding == "br":
		plain = brotli.NewReader(a.Body())
	case coding == "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(a.Body(), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)); err == nil {
			x.Defer(z.Close)
			plain = z
		}
	default:
		err = fmt.Errorf("content coding %q", coding)
	}
	if err == nil && plain != nil {
		// The first byte tells whether the answer is what it says it is, while it can still be refused cleanly.
		begun := bufio.NewReader(plain)
		if _, err = begun.Peek(1); err == io.EOF {
			err = nil // it holds nothing
		}
		plain = begun
	}
	if err != nil {
		return badAnswer("upstream_encoding", fmt.Errorf("asked for identity: %w", err))
	}
	a.Header.Del("Content-Encoding")
	for _, name := range []string{"Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"} {
		a.Header.Del(name) // they speak of the compressed bytes
	}
	if tag := a.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		a.Header.Set("ETag", "W/"+tag) // the same content, other bytes (RFC 9110 section 8.8.1)
	}
	a.Length = -1
	a.SetBody(struct {
		io.Reader
		io.Closer
	}{plain, a.Body()})
	return nil
}

func badAnswer(code string, cause error) error {
	return &problem.Error{Status: http.StatusBadGateway, Code: code,
		Detail: "The service behind this gateway gave an answer that cannot be passed on.", Cause: cause}
}

// hopByHop lists the fields of one connection (RFC 9110 section 7.6.1) and those the engine writes itself.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Content-Length", "Host", "Expect":
		return true
	}
	return false
}

func nameIn(connection []string, name string) bool {
	for _, v := range connection {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), name) {
				return true
			}
		}
	}
	return false
}

// An idleBody gives up on an upstream that has begun its answer and fell silent.
type idleBody struct {
	io.ReadCloser
	after time.Duration
	timer *time.Timer
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.after)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop() // the client's own slowness is not the upstream's
	return n, err
}

func (b *idleBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}

// dialTLS connects to an upstream by the TLS configuration that holds at that moment.
func dialTLS(t *http.Transport, current func() *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := t.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conf := current().Clone()
		if conf.ServerName == "" {
			conf.ServerName, _, _ = net.SplitHostPort(address)
		}
		c := tls.Client(nc, conf)
		ctx, cancel := context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(&net.OpError{Op: "dial", Net: network, Addr: nc.RemoteAddr(), Err: err}, nc.Close())
		}
		return c, nil
	}
}
