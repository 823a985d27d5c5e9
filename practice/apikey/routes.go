// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"yett/practice"
	"yett/problem"
)

// Routes are the calls of the admin API. They need no Run, so a command may make them on a store that no gateway serves.
// Who may make them is decided by who mounts them: they grant keys to anybody who reaches them.
//
//	POST /keys                {client, owner, plan, scopes, networks, expires | expires_in_s}  201, the key with its text
//	POST /keys/first          no body; 201 once in the life of a store, then 409 not_first
//	POST /keys/import         a stream of what POST /keys takes, one a line; 200, a stream of keys with their texts
//	GET  /keys                ?client= &owner= &working=true &after= &limit=
//	GET  /keys/{id}
//	GET  /keys/{id}/usage     ?days= (30)
//	POST /keys/{id}/rotate    {grace_s}, or no body; 201, the new key with its text
//	POST /keys/{id}/revoke    no body
func (k *Keys) Routes() []practice.Route {
	return []practice.Route{
		{Pattern: "POST /keys", Handler: k.answer(k.postKey)},
		{Pattern: "POST /keys/first", Handler: k.answer(k.postFirst)},
		{Pattern: "POST /keys/import", Handler: http.HandlerFunc(k.postImport)},
		{Pattern: "GET /keys", Handler: k.answer(k.getKeys)},
		{Pattern: "GET /keys/{id}", Handler: k.answer(k.getKey)},
		{Pattern: "GET /keys/{id}/usage", Handler: k.answer(k.getUsage)},
		{Pattern: "POST /keys/{id}/rotate", Handler: k.answer(k.postRotate)},
		{Pattern: "POST /keys/{id}/revoke", Handler: k.answer(k.postRevoke)},
	}
}

// shown is a key as the admin API answers it.
type shown struct {
	Key
	Text     string `json:"key,omitzero"` // only in the answer that made it
	State    State  `json:"state"`
	Calls30D *int64 `json:"calls_30d,omitzero"`
}

func (k *Keys) shown(key Key, text string) shown {
	return shown{Key: key, Text: text, State: key.State(k.now())}
}

// wanted is the body that asks for a key.
type wanted struct {
	Client     string     `json:"client"`
	Owner      string     `json:"owner"`
	Plan       string     `json:"plan"`
	Scopes     []string   `json:"scopes"`
	Networks   []network  `json:"networks"`
	Expires    *time.Time `json:"expires"`
	ExpiresInS *int64     `json:"expires_in_s"`
}

// A network is a CIDR or a single address.
type network netip.Prefix

func (n *network) UnmarshalText(text []byte) error {
	s := string(text)
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		*n = network(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	p, err := netip.ParsePrefix(s)
	*n = network(p)
	return err
}

func (w *wanted) newKey(now time.Time) (NewKey, error) {
	n := NewKey{Client: w.Client, Owner: w.Owner, Plan: w.Plan, Scopes: w.Scopes}
	for _, p := range w.Networks {
		n.Networks = append(n.Networks, netip.Prefix(p))
	}
	switch {
	case w.Expires != nil && w.ExpiresInS != nil:
		return n, &FieldError{"expires", "given twice (use expires or expires_in_s)"}
	case w.Expires != nil:
		if n.Expires = *w.Expires; n.Expires.IsZero() {
			return n, &FieldError{"expires", "lies in the past"}
		}
	case w.ExpiresInS != nil:
		if *w.ExpiresInS < 1 || *w.ExpiresInS > int64(maxLife/time.Second) {
			return n, &FieldError{"expires_in_s", "1 second to 20 years"}
		}
		n.Expires = now.Add(time.Duration(*w.ExpiresInS) * time.Second)
	}
	return n, nil
}

func (k *Keys) postKey(r *http.Request) (int, any, error) {
	var w wanted
	if err := read(r, &w); err != nil {
		return 0, nil, err
	}
	n, err := w.newKey(k.clock())
	if err != nil {
		return 0, nil, err
	}
	key, text, err := k.Create(r.Context(), n)
	return k.made(r, key, text, err)
}

func (k *Keys) postFirst(r *http.Request) (int, any, error) {
	key, text, err := k.CreateFirst(r.Context())
	return k.made(r, key, text, err)
}

func (k *Keys) getKeys(r *http.Request) (int, any, error) {
	q := r.URL.Query()
	f := Filter{Client: q.Get("client"), Owner: q.Get("owner"), After: q.Get("after")}
	var err error
	if v := q.Get("working"); v != "" {
		if f.Working, err = strconv.ParseBool(v); err != nil {
			return 0, nil, &FieldError{"working", "true or false"}
		}
	}
	if v := q.Get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 || f.Limit > maxPage {
			return 0, nil, &FieldError{"limit", fmt.Sprintf("1 to %d", maxPage)}
		}
	}
	page, err := k.List(r.Context(), f)
	if err != nil {
		return 0, nil, err
	}
	calls, err := k.calls(r.Context(), page.Keys, 30)
	if err != nil {
		return 0, nil, err
	}
	out := struct {
		Keys []shown `json:"keys"`
		Count
		Next string `json:"next,omitzero"`
	}{Keys: make([]shown, len(page.Keys)), Next: page.Next}
	for i, key := range page.Keys {
		n := calls[key.ID]
		out.Keys[i] = k.shown(key, "")
		out.Keys[i].Calls30D = &n
	}
	out.Count, err = k.Count(r.Context())
	return http.StatusOK, out, err
}

func (k *Keys) getKey(r *http.Request) (int, any, error) {
	key, err := k.Show(r.Context(), r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	calls, err := k.calls(r.Context(), []Key{key}, 30)
	out := k.shown(key, "")
	n := calls[key.ID]
	out.Calls30D = &n
	return http.StatusOK, out, err
}

func (k *Keys) getUsage(r *http.Request) (int, any, error) {
	days := 30
	if v := r.URL.Query().Get("days"); v != "" {
		var err error
		if days, err = strconv.Atoi(v); err != nil {
			return 0, nil, &FieldError{"days", fmt.Sprintf("1 to %d", KeptDays)}
		}
	}
	u, err := k.Usage(r.Context(), r.PathValue("id"), days)
	return http.StatusOK, u, err
}

func (k *Keys) postRotate(r *http.Request) (int, any, error) {
	var in struct {
		GraceS *int64 `json:"grace_s"`
	}
	if r.ContentLength != 0 {
		if err := read(r, &in); err != nil {
			return 0, nil, err
		}
	}
	grace := k.defaultGrace()
	if in.GraceS != nil {
		if *in.GraceS < 0 || *in.GraceS > int64(MaxGrace/time.Second) {
			return 0, nil, &FieldError{"grace_s", fmt.Sprintf("0 to %d (90 days)", int64(MaxGrace/time.Second))}
		}
		grace = time.Duration(*in.GraceS) * time.Second
	}
	key, text, err := k.Rotate(r.Context(), r.PathValue("id"), grace)
	if err == nil {
		practice.ActionOf(r.Context()).Note = "replaced by " + key.ID
	}
	return http.StatusCreated, k.shown(key, text), err
}

func (k *Keys) postRevoke(r *http.Request) (int, any, error) {
	key, err := k.Revoke(r.Context(), r.PathValue("id"))
	return http.StatusOK, k.shown(key, ""), err
}

// made answers with a new key, and names it in the record of the call.
func (k *Keys) made(r *http.Request, key Key, text string, err error) (int, any, error) {
	if err == nil {
		a := practice.ActionOf(r.Context())
		a.Target, a.Note = key.ID, "client "+key.Client
	}
	return http.StatusCreated, k.shown(key, text), err
}

const (
	maxBody = 64 << 10
	maxLine = 64 << 10
)

var strict = json.RejectUnknownMembers(true)

// read decodes a JSON body: one value, no unknown or repeated member, at most maxBody bytes.
func read(r *http.Request, into any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return &problem.Error{Status: http.StatusUnsupportedMediaType, Code: "media_type", Detail: "The body is to be application/json."}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The body broke off.", Cause: err}
	}
	if len(body) > maxBody {
		return &problem.Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Detail: fmt.Sprintf("The body may have %d bytes.", maxBody)}
	}
	return decode(body, into)
}

func decode(body []byte, into any) error {
	err := json.Unmarshal(body, into, strict)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		detail := "not what belongs here"
		if errors.Is(err, json.ErrUnknownName) {
			detail = "there is no such member"
		}
		return &problem.Error{Status: http.StatusUnprocessableEntity, Code: "body_invalid", Detail: "The body does not fit.",
			Errors: []problem.Item{{Pointer: string(e.JSONPointer), Detail: detail}}, Cause: err}
	}
	return &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The body is not JSON, or a member comes twice.", Cause: err}
}

// answer serves f: what it returns as JSON, or its error as a problem.
func (k *Keys) answer(f func(*http.Request) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, v, err := f(r)
		if err != nil {
			k.fail(w, err)
			return
		}
		body, err := json.Marshal(v)
		if err != nil {
			k.fail(w, err)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(append(body, '\n')) // the caller is gone: nobody is left to tell
	})
}

func (k *Keys) fail(w http.ResponseWriter, err error) {
	p := problemOf(err)
	instance := "urn:uuid:" + uuid.NewString()
	if p.Status >= 500 {
		k.log.Error("admin call failed", "instance", instance, "err", err)
	}
	_ = problem.Write(w, instance, p) // the caller is gone: nobody is left to tell
}

// problemOf writes an error of ours for who manages keys.
func problemOf(err error) *problem.Error {
	var conflicts = []struct {
		err          error
		code, detail string
	}{
		{ErrNotFirst, "not_first", "There has been a key before."},
		{ErrNotLive, "key_not_live", "The key does not work any more. Make a new one."},
		{ErrReplaced, "key_replaced", "The key is replaced already. Rotate the one that replaced it."},
		{ErrRotating, "key_rotating", "The key that this one replaces still works. Revoke that one first, or wait."},
	}
	for _, c := range conflicts {
		if errors.Is(err, c.err) {
			return &problem.Error{Status: http.StatusConflict, Code: c.code, Detail: c.detail, Cause: err}
		}
	}
	if e, ok := errors.AsType[*FieldError](err); ok {
		return &problem.Error{Status: http.StatusUnprocessableEntity, Code: "body_invalid", Detail: "The request does not fit.",
			Errors: []problem.Item{{Pointer: "/" + e.Field, Detail: e.Problem}}, Cause: err}
	}
	if e, ok := errors.AsType[*NotFoundError](err); ok {
		p := &problem.Error{Status: http.StatusNotFound, Code: "no_such_key", Detail: fmt.Sprintf("There is no key %.40q.", e.ID), Cause: err}
		if e.Near != nil {
			p.Detail = fmt.Sprintf("There is no key %.40q (did you mean %s of %s?).", e.ID, e.Near.ID, e.Near.Client)
		}
		return p
	}
	return problem.From(err)
}

// postImport makes a key of each line and answers with a line for each, after it is durable. A line that does not fit
// ends the stream: the last line of the answer is then {"error": {"line": …, "code": …, "detail": …}}.
func (k *Keys) postImport(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-ndjson" {
		k.fail(w, &problem.Error{Status: http.StatusUnsupportedMediaType, Code: "media_type", Detail: "The body is to be application/x-ndjson."})
		return
	}
	ctl := http.NewResponseController(w)
	// Lines go out while others come in. Over HTTP/2 that is so anyway, and the answer is an error.
	if err := ctl.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		k.fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close") // what is left unread after an error must not meet net/http's reading of the next request
	out := bufio.NewWriterSize(w, 64<<10)
	line := 0
	_, err := k.Import(r.Context(), k.lines(r.Body, &line), func(key Key, text string) error {
		return writeLine(out, k.shown(key, text))
	})
	if err != nil {
		p := problemOf(err)
		if p.Status >= 500 {
			k.log.Error("import failed", "line", line, "err", err)
		}
		var end struct {
			Error importError `json:"error"`
		}
		end.Error = importError{Line: line, Code: p.Code, Detail: p.Detail}
		for _, it := range p.Errors {
			end.Error.Detail = strings.TrimPrefix(it.Pointer, "/") + ": " + it.Detail
		}
		err = writeLine(out, end)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		k.log.Warn("import: its caller is gone before the end", "line", line, "err", err)
	}
}

type importError struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func writeLine(w *bufio.Writer, v any) error {
	b, err := json.Marshal(v, jsontext.Multiline(false))
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.WriteByte('\n')
}

// lines reads what is wanted, a line at a time, and counts in line.
func (k *Keys) lines(body io.Reader, line *int) func(yield func(NewKey, error) bool) {
	return func(yield func(NewKey, error) bool) {
		s := bufio.NewScanner(body)
		s.Buffer(make([]byte, 4<<10), maxLine)
		for s.Scan() {
			*line++
			if len(s.Bytes()) == 0 {
				continue
			}
			var w wanted
			var n NewKey
			err := decode(s.Bytes(), &w)
			if err == nil {
				n, err = w.newKey(k.clock())
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
		if err := s.Err(); err != nil {
			*line++
			yield(NewKey{}, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The line is too long, or the stream broke off.", Cause: err})
		}
	}
}
