// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/problem"
)

// Response holds the head of an answer against the description. What is not declared does not leave: a good answer or a
// redirect is refused, a body that nobody described is removed, and an error keeps its status with a body of ours.
func (m *Minimizer) Response(x *exchange.Exchange) error {
	a := &x.Answer
	if a.Status < 200 || a.Status == http.StatusNotModified {
		return nil // of the protocol: nothing of the API's is in it
	}
	if x.Operation == nil {
		return unfit("no_operation", "minimize ran without an operation")
	}
	r := described(x)
	switch {
	case a.Status >= 400:
		return m.failure(x, r)
	case r == nil:
		return m.refuse(x, unfit("undeclared_status", strconv.Itoa(a.Status)+" is not declared"))
	case !bodied(x):
		return nil
	case len(r.Media) == 0:
		return m.unexpected(x)
	}
	if why := mismatch(x, r); why != "" {
		return m.refuse(x, unfit("undeclared_media_type", why))
	}
	return nil
}

// described finds what is declared of an answer. A part of a good answer is declared where the whole is, and only where a
// part was asked for (RFC 9110 section 15.3.7).
func described(x *exchange.Exchange) *api.Response {
	status := x.Answer.Status
	if status == http.StatusPartialContent && x.Request.Header.Count("Range") > 0 {
		if r := x.Operation.Response(http.StatusOK); r != nil {
			return r
		}
	}
	return x.Operation.Response(status)
}

// bodied reports whether an answer may have a body; of HEAD, whether the answer to GET would.
func bodied(x *exchange.Exchange) bool {
	a := &x.Answer
	if a.Status == http.StatusNoContent || a.Length == 0 {
		return false
	}
	return x.Request.Method != http.MethodHead || a.Header.Count("Content-Type") > 0
}

// mismatch says why a body is not one of those that r describes; "" if it is.
func mismatch(x *exchange.Exchange, r *api.Response) string {
	a := &x.Answer
	switch a.Header.Count("Content-Type") {
	case 0:
		if m, ok := r.For(""); ok && m.Schema == nil {
			return ""
		}
		return fmt.Sprintf("%d has a body without a media type", a.Status)
	case 1:
	default:
		return fmt.Sprintf("%d has two media types", a.Status)
	}
	contentType := a.Header.Get("Content-Type")
	typ, _, _ := strings.Cut(contentType, ";")
	typ = strings.ToLower(strings.TrimSpace(typ))
	if a.Status == http.StatusPartialContent && typ == "multipart/byteranges" && len(r.Media) > 0 && x.Request.Header.Count("Range") > 0 {
		return "" // parts of what is declared, which were asked for (RFC 9110 section 14.6)
	}
	m, ok := r.For(contentType)
	if ok && (m.Schema == nil || !strings.HasSuffix(m.Type, "/*") || readable(typ) || api.FormOf(contentType) == api.Text ||
		m.Schema.Shape().Types().Has(schema.String)) {
		return ""
	}
	// A type under a range that asks for an object, and that nobody can look into, would only be a way round the schema.
	if !legible(typ) {
		typ = "a media type that cannot be read"
	}
	return fmt.Sprintf("%d is not declared as %s", a.Status, typ)
}

// legible reports whether a media type may stand in a record.
func legible(typ string) bool {
	if len(typ) > 80 || strings.Count(typ, "/") != 1 {
		return false
	}
	for i := range len(typ) {
		c := typ[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("/.+-_", rune(c)) {
			return false
		}
	}
	return true
}

// failure lets an error leave that is declared, and puts a problem document in the place of any other.
func (m *Minimizer) failure(x *exchange.Exchange, r *api.Response) error {
	a := &x.Answer
	why := strconv.Itoa(a.Status) + " is not declared"
	if r != nil {
		switch {
		case !bodied(x):
			return nil
		case len(r.Media) == 0:
			why = fmt.Sprintf("%d is declared without a body", a.Status)
		default:
			if why = mismatch(x, r); why == "" {
				return nil
			}
		}
	}
	p := &problem.Error{Status: a.Status, Code: "upstream_error", Replaces: true,
		Detail: "The service behind this gateway refused this.", Cause: errors.New(why)}
	if a.Status >= 500 {
		p.Detail = "The service behind this gateway failed."
	}
	for _, f := range a.Header.All() {
		if len(p.Header) < maxKept && len(f.Value) <= maxKeptValue && says(a.Status, f.Name) {
			p.Header = append(p.Header, problem.Field{Name: f.Name, Value: f.Value})
		}
	}
	return m.refuse(x, p)
}

// What is kept of the head of an error.
const (
	maxKept      = 16
	maxKeptValue = 1000
)

// says reports whether a field is part of what a status says: how to authenticate, when to come again, what would be taken.
func says(status int, name string) bool {
	for _, known := range []string{"WWW-Authenticate", "Retry-After", "Allow", "Accept", "Accept-Encoding", "Accept-Patch", "Accept-Post"} {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return status == http.StatusRequestedRangeNotSatisfiable && strings.EqualFold(name, "Content-Range")
}

// unexpected is for a body where none is described.
func (m *Minimizer) unexpected(x *exchange.Exchange) error {
	a := &x.Answer
	why := fmt.Sprintf("%d is declared without a body", a.Status)
	certain := a.Length > 0 || a.Header.Count("Content-Type") > 0
	switch m.config.Undeclared {
	case Report:
		if certain {
			x.Report(name, exchange.Observed, "undeclared_body", why)
		}
		return nil
	case Block:
		if certain {
			x.Note(why)
			return unfit("undeclared_body", why)
		}
		a.AddFilter(&bodyFilter{x: x, why: why, refuse: true})
		return nil
	}
	f := &bodyFilter{x: x, why: why}
	if body := a.Body(); body != nil {
		a.SetBody(&emptied{body: body, filter: f})
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Content-Location",
		"Content-Range", "Accept-Ranges", "Content-MD5", "Content-Digest", "Repr-Digest", "Digest"} {
		a.Header.Del(name)
	}
	if x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead {
		a.Header.Del("ETag") // behind other methods it is of what they made, not of this body (RFC 9110 section 8.8.3)
	}
	a.Length = 0
	a.AddFilter(f)
	return nil
}

// A bodyFilter keeps a body back that nobody described.
type bodyFilter struct {
	x      *exchange.Exchange
	why    string
	refuse bool
	told   bool
}

// Resizes reports that nothing of the body is left.
func (f *bodyFilter) Resizes() bool { return true }

// Filter lets nothing leave.
func (f *bodyFilter) Filter(dst, chunk []byte, _, _ bool) ([]byte, error) {
	if len(chunk) == 0 || f.told {
		return dst, nil
	}
	f.told = true
	if f.refuse {
		f.x.Report(name, exchange.Refused, "undeclared_body", f.why)
		return dst, unfit("undeclared_body", f.why)
	}
	f.x.Report(name, exchange.Edited, "", "body removed: "+f.why)
	return dst, nil
}

// An emptied body is read no further than to see whether there is one: it may never end.
type emptied struct {
	body   io.ReadCloser
	filter *bodyFilter
}

// Read tells the filter of the first bytes and ends there.
func (e *emptied) Read(p []byte) (int, error) {
	n, err := e.body.Read(p[:min(len(p), 1)])
	if n > 0 {
		if _, err := e.filter.Filter(nil, p[:n], false, false); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	return 0, err
}

// Close closes the body.
func (e *emptied) Close() error { return e.body.Close() }
