// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package cors decides pages of which origins a browser lets call an API.
//
// It stops pages of other origins from reading answers, and from acting with the cookies of whoever visits them (OWASP
// API8:2023, CWE-942, CWE-352): origins are compared whole with a list, never reflected, and the description says which
// methods and fields a page may use. It stops browsers only: any other program sends whatever Origin it likes. It does
// not keep a listed page from misusing what it may do.
//
// Used alone, New(Config{Origins: …}, Options{}).Handler(next) guards any handler.
package cors

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/problem"
)

// A Policy says which origins may call, and how. It is safe for concurrent use.
type Policy struct {
	config  Config
	origins map[string]string // each to itself: what is answered is what the operator wrote
	own     string            // the origin by which browsers know the handler, "" if only Host tells it
	methods []string          // where no operation is described
	table   *table            // nil: every operation follows this policy
	maxAge  string
}

// Options are what the program knows; the zero value works.
type Options struct {
	// PublicURL is the address that browsers call. Pages of its origin are no strangers.
	PublicURL string
	// Methods are those of a handler without a description. Default: GET, HEAD and POST.
	Methods []string

	table *table
}

// New makes a Policy. It never fails on a Config that Validate accepts.
func New(c Config, o Options) *Policy {
	p := &Policy{config: c, origins: make(map[string]string, len(c.Origins)), methods: o.Methods, table: o.table,
		maxAge: strconv.FormatInt(int64(c.MaxAge/time.Second), 10)}
	for _, origin := range c.Origins {
		p.origins[origin] = origin
	}
	if p.methods == nil {
		p.methods = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	}
	if u, err := url.Parse(o.PublicURL); err == nil && u.Host != "" {
		p.own = u.Scheme + "://" + u.Host
	}
	return p
}

// Handler answers preflights, refuses what Check refuses, passes the rest to next and puts the fields on every answer.
func (p *Policy) Handler(next http.Handler) http.Handler {
	request := func(x *exchange.Exchange) error {
		if preflight(x) {
			return p.Preflight(x)
		}
		return p.Check(x)
	}
	c := &exchange.Chain{
		Request:  []exchange.Link{{Practice: "cors", Step: request}},
		Response: []exchange.Link{{Practice: "cors", Step: p.Clean}},
		Header:   []func(*exchange.Exchange){p.Header},
	}
	return c.Handler(next)
}

// preflight reports whether a browser asks for leave (Fetch section 4.8).
func preflight(x *exchange.Exchange) bool {
	h := &x.Request.Header
	return x.Request.Method == http.MethodOptions && h.Get("Origin") != "" && h.Get("Access-Control-Request-Method") != ""
}

// asked is what an answer to a preflight depends on.
const asked = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

// Preflight answers a browser that asks whether it may send a request: 204, always. x.Operation is the one that is asked
// for, or any of the same path. What may be sent is read from the description, and nothing of what the browser asks for
// is repeated. Header adds the origin; without it the rest means nothing. Leave to reach into a private network is never
// given (Access-Control-Request-Private-Network).
func (p *Policy) Preflight(x *exchange.Exchange) error {
	if len(p.origins) == 0 {
		p.stranger(x)
		return exchange.Reply(http.StatusNoContent, nil, nil)
	}
	if p.listed(x) == "" {
		p.stranger(x)
		return exchange.Reply(http.StatusNoContent, []exchange.Field{{Name: "Vary", Value: asked}}, nil)
	}
	methods, headers := p.offered(x.Operation, x.Request.Header.Get("Access-Control-Request-Method"))
	if headers == nil {
		x.Note("method_not_declared")
	}
	answer := []exchange.Field{{Name: "Vary", Value: asked}, {Name: "Access-Control-Allow-Methods", Value: strings.Join(methods, ", ")}}
	if len(headers) > 0 {
		answer = append(answer, exchange.Field{Name: "Access-Control-Allow-Headers", Value: strings.Join(headers, ", ")})
	}
	return exchange.Reply(http.StatusNoContent, append(answer, exchange.Field{Name: "Access-Control-Max-Age", Value: p.maxAge}), nil)
}

// listed is the listed origin that x comes from, "" if it comes from none. Origins are compared byte by byte: browsers
// write an origin in one way only (RFC 6454 section 6.2), and every kindness here has been an attack somewhere.
func (p *Policy) listed(x *exchange.Exchange) string {
	return p.origins[x.Request.Header.Get("Origin")]
}

// stranger notes where a request comes from that its page cannot read.
func (p *Policy) stranger(x *exchange.Exchange) {
	origin := x.Request.Header.Get("Origin")
	if len(origin) > 100 {
		origin = origin[:100]
	}
	for i := range len(origin) {
		if origin[i] <= ' ' || origin[i] > '~' { // no browser writes such an origin
			origin = "unreadable"
			break
		}
	}
	x.Note("origin_not_allowed: " + origin)
}

// Check refuses a change that another site's page makes with what the browser adds by itself. Without cookies, stored
// passwords or client certificates a page can do no more than its author could do from anywhere, so it passes. It also
// refuses a WebSocket of an origin that is neither listed nor the API's own: browsers ask no leave for one, and hand its
// answers to the page whatever they say (RFC 6455 section 10.2).
func (p *Policy) Check(x *exchange.Exchange) error {
	listed := p.listed(x)
	if origin, ok := x.Request.Header.Lookup("Origin"); ok && listed == "" && !p.sameOrigin(x, origin) {
		p.stranger(x)
		if x.Operation != nil && x.Operation.WebSocket && x.Request.Upgrade == "websocket" {
			return &problem.Error{Status: http.StatusForbidden, Code: "origin_refused",
				Detail: "Pages of this origin may not open a WebSocket here."}
		}
	}
	switch x.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil // safe: whoever cannot read the answer gains nothing
	}
	if listed != "" && p.config.Credentials || !ambient(x) {
		return nil
	}
	if why := p.foreign(x); why != nil {
		return &problem.Error{Status: http.StatusForbidden, Code: "cross_origin_refused",
			Detail: "Pages of other origins may not do this with cookies or stored credentials.", Cause: why}
	}
	return nil
}

// ambient reports whether x carries what a browser sends by itself, whatever page makes it call. A bearer token is not
// among that: some script has to write it, and no script of a stranger gets past the preflight.
func ambient(x *exchange.Exchange) bool {
	if _, ok := x.Request.Header.Lookup("Cookie"); ok {
		return true
	}
	if x.TLS != nil && len(x.TLS.PeerCertificates) > 0 {
		return true
	}
	scheme, _, _ := strings.Cut(x.Request.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "basic", "digest", "negotiate", "ntlm":
		return true
	}
	return false
}

// foreign says why x was made by a page of another origin, nil if nothing shows that it was.
func (p *Policy) foreign(x *exchange.Exchange) error {
	h := &x.Request.Header
	if n := h.Count("Sec-Fetch-Site"); n > 0 {
		switch site := h.Get("Sec-Fetch-Site"); {
		case n > 1:
			return errors.New("Sec-Fetch-Site comes more than once")
		case site == "same-origin" || site == "none": // none: the user did it, no page
			return nil
		}
		// same-site counts as foreign: a neighbour below the same domain is another program, often another author.
		return errors.New("Sec-Fetch-Site says that another origin's page makes the call")
	}
	origin, ok := h.Lookup("Origin")
	if !ok {
		// Every browser since 2023 sends one of the two fields with a change. What sends neither is no browser, and has
		// no visitor whose cookies it could use.
		return nil
	}
	if !p.sameOrigin(x, origin) {
		return errors.New("the page is of another origin than the one that was called")
	}
	return nil
}

// sameOrigin reports whether origin is the one that x calls, by its Host field or by the public address.
func (p *Policy) sameOrigin(x *exchange.Exchange, origin string) bool {
	host := x.Request.Host
	if x.Request.Port != "" {
		host += ":" + x.Request.Port
	}
	return strings.EqualFold(origin, x.Request.Scheme+"://"+host) || p.own != "" && strings.EqualFold(origin, p.own)
}

// Clean takes the upstream's own leave for other origins off its answer.
func (p *Policy) Clean(x *exchange.Exchange) error {
	const prefix = "Access-Control-"
	x.Answer.Header.DelFunc(func(f exchange.Field) bool {
		return len(f.Name) > len(prefix) && strings.EqualFold(f.Name[:len(prefix)], prefix) || strings.EqualFold(f.Name, "Timing-Allow-Origin")
	})
	return nil
}

// Header puts the fields on an answer, refusals included: a page that may call must be able to read why it may not. It
// runs after the other practices, whose fields it makes readable.
func (p *Policy) Header(x *exchange.Exchange) {
	if len(p.origins) == 0 {
		return
	}
	h := &x.Answer.Header
	vary(h) // on every answer, or a cache gives one origin's to another
	origin := p.listed(x)
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if p.config.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if preflight(x) {
		return // no page ever sees it
	}
	if names := p.readable(x.Operation, h); len(names) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(names, ", "))
	}
}

// vary adds Origin to what the answer depends on.
func vary(h *exchange.Header) {
	lines := h.Values("Vary")
	for _, line := range lines {
		for word := range strings.SplitSeq(line, ",") {
			if word = strings.TrimSpace(word); word == "*" || strings.EqualFold(word, "Origin") {
				return
			}
		}
	}
	h.Set("Vary", strings.Join(append(lines, "Origin"), ", "))
}

// governs reports whether op follows p, and not a policy of its own.
func (p *Policy) governs(op *api.Operation) bool { return p.table == nil || p.table.of(op) == p }
