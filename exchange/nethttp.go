// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"yett/api"
	"yett/problem"
)

// ServeHTTP runs one exchange over net/http.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := &netHTTP{w: w, r: r}
	x := open(e, time.Now())
	err := x.read(r)
	if s.Opened != nil {
		if oerr := s.Opened(x, r); oerr != nil {
			err = oerr
		}
	}
	s.serve(x, err)
	if e.aborted {
		// Last of all, so that nothing deferred is skipped: net/http breaks the connection or resets the stream.
		panic(http.ErrAbortHandler)
	}
}

// read fills the canonical request from what net/http parsed.
func (x *Exchange) read(r *http.Request) error {
	x.Proto, x.TLS = r.Proto, r.TLS
	if p, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		x.Peer = p
	}
	req := &x.Request
	req.Method = r.Method
	req.Scheme = "http"
	if r.TLS != nil {
		req.Scheme = "https"
	}
	req.Host, req.Port = splitHost(r.Host)
	x.readHeader(r)
	x.trace()
	req.Body.Length = r.ContentLength
	if r.Body != nil && r.Body != http.NoBody {
		req.Body.src = r.Body
	}
	if err := x.readTarget(r.RequestURI); err != nil {
		return err
	}
	return x.checkFields()
}

func (x *Exchange) readTarget(target string) error {
	req := &x.Request
	if !strings.HasPrefix(target, "/") {
		if target == "*" && req.Method == http.MethodOptions {
			req.Path = "*"
			return nil
		}
		if _, rest, ok := strings.Cut(target, "://"); ok {
			if i := strings.IndexAny(rest, "/?"); i < 0 {
				target = "/"
			} else if target = rest[i:]; target[0] == '?' {
				target = "/" + target
			}
		}
	}
	var err error
	req.Path, req.Query, req.Ambiguity, err = api.Canonical(target)
	if err != nil {
		return &problem.Error{Status: http.StatusBadRequest, Code: "path_unreadable", Detail: "The path cannot be read.", Cause: err}
	}
	return nil
}

// singletons are fields that mean something else to the next reader when they come twice.
var singletons = [...]string{"Authorization", "Content-Type", "Content-Encoding", "Content-Range", "Origin", "Range", "If-Range"}

// checkFields refuses fields that make another request of this one.
func (x *Exchange) checkFields() error {
	h := &x.Request.Header
	for _, name := range singletons {
		if h.Count(name) > 1 {
			return &problem.Error{Status: http.StatusBadRequest, Code: "repeated_field",
				Detail: "The field " + name + " may come only once."}
		}
	}
	for i := range h.fields {
		if name := FoldName(h.fields[i].Name); rewrites(name) {
			return &problem.Error{Status: http.StatusBadRequest, Code: "rewriting_field",
				Detail: "The field " + name + " is not accepted: a request is what its first line says."}
		}
	}
	return nil
}

// rewrites reports whether frameworks let a request say in this field that it is another one.
func rewrites(folded string) bool {
	switch folded {
	case "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url":
		return true
	}
	return false
}

// readHeader copies the fields that are the practices' business. Hop-by-hop fields stay behind (RFC 9110 section 7.6.1),
// and so does every X-Yett field in any spelling: only we speak to the upstream in that name.
func (x *Exchange) readHeader(r *http.Request) {
	h := &x.Request.Header
	named := r.Header["Connection"]
	for name, values := range r.Header {
		folded := FoldName(name)
		if framing(folded) || strings.HasPrefix(folded, "X-Yett-") || len(named) > 0 && connectionNames(named, name) {
			continue
		}
		for _, v := range values {
			h.fields = append(h.fields, Field{name, v})
		}
	}
	if len(named) > 0 && connectionNames(named, "Upgrade") {
		x.Request.Upgrade = strings.ToLower(r.Header.Get("Upgrade"))
	}
}

// connectionNames reports whether a Connection field declares name to be hop-by-hop. Fields that no sender may declare
// so (RFC 9110 section 7.6.1 leaves that to us) stay, or a client could strip what we judged by.
func connectionNames(connection []string, name string) bool {
	switch name {
	case "Authorization", "Cookie", "Content-Type", "Content-Encoding", "Origin", "X-Api-Key":
		return false
	}
	for _, v := range connection {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), name) {
				return true
			}
		}
	}
	return false
}

// splitHost separates the port without allocating. IPv6 literals keep their brackets.
func splitHost(h string) (host, port string) {
	i := strings.LastIndexByte(h, ':')
	if i < 0 || strings.IndexByte(h[i:], ']') >= 0 {
		return h, ""
	}
	return h[:i], h[i+1:]
}

// netHTTP is the engine over net/http's server.
type netHTTP struct {
	w       http.ResponseWriter
	r       *http.Request
	aborted bool
}

func (e *netHTTP) context() context.Context { return e.r.Context() }

func (e *netHTTP) writeHead(status int, h *Header, length int64) error {
	out := e.w.Header()
	if len(out) > 0 { // of handlers around this one; what we say ourselves, we say alone
		for _, f := range h.fields {
			delete(out, http.CanonicalHeaderKey(f.Name))
		}
	}
	values := make([]string, len(h.fields), len(h.fields)+1) // one allocation for all
	for i, f := range h.fields {
		k := http.CanonicalHeaderKey(f.Name)
		if had := out[k]; had != nil {
			out[k] = append(had, f.Value)
			continue
		}
		values[i] = f.Value
		out[k] = values[i : i+1 : i+1]
	}
	if length >= 0 && status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		values = append(values, strconv.FormatInt(length, 10))
		out["Content-Length"] = values[len(values)-1:]
	}
	if _, ok := out["Content-Type"]; !ok {
		out["Content-Type"] = nil // net/http would guess one
	}
	e.w.WriteHeader(status)
	return nil
}

func (e *netHTTP) write(b []byte) (int, error) {
	n, err := e.w.Write(b)
	if errors.Is(err, http.ErrContentLength) || errors.Is(err, http.ErrBodyNotAllowed) {
		return n, internal(err)
	}
	return n, ClientGone(err)
}

// flush does nothing where a handler around this one cannot: then nothing waits in our hands.
func (e *netHTTP) flush() error {
	err := http.NewResponseController(e.w).Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return ClientGone(err)
}

func (e *netHTTP) abort() { e.aborted = true }

func (e *netHTTP) hijack(h *Header, protocol string) (io.ReadWriteCloser, error) {
	conn, rw, err := http.NewResponseController(e.w).Hijack()
	if err != nil {
		return nil, internal(err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = conn.Close()
		return nil, ClientGone(err)
	}
	head := append([]byte(nil), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "...)
	head = append(head, protocol...)
	head = append(head, "\r\n"...)
	for _, f := range h.fields {
		head = append(append(append(append(head, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	head = append(head, "\r\n"...)
	if _, err := conn.Write(head); err != nil {
		_ = conn.Close()
		return nil, ClientGone(err)
	}
	return &tunnelConn{Conn: conn, r: rw.Reader}, nil
}

// tunnelConn reads what net/http had already buffered, and then the connection itself: net/http's reader would take the
// end of the client's side for the end of the client, and cancel the context.
type tunnelConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *tunnelConn) Read(p []byte) (int, error) {
	if n := c.r.Buffered(); n > 0 {
		return c.r.Read(p[:min(n, len(p))])
	}
	return c.Conn.Read(p)
}

// CloseWrite tells the client that nothing more comes.
func (c *tunnelConn) CloseWrite() error { return closeWrite(c.Conn) }
