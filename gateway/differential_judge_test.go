// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"yett/exchange"
	"yett/internal/practicetest"
)

// A life is one exchange: what the gateway recorded of it, the plain request that it must have been about, and what
// arrived behind the gateway with its trace id.
type life struct {
	stream  *practicetest.Stream
	record  exchange.Record
	plain   *practicetest.Plain // nil: the bytes at its place are no plain request
	behind  []arrival           // what the gateway wrote
	service []arrival
}

// well reports whether the gateway says that the request was passed on and answered.
func (l *life) well() bool { return l.record.Reached && l.record.Code == "" && !l.record.Aborted }

// settled reports whether nothing more is to come.
func (l *life) settled() bool {
	return !l.record.Reached || len(l.behind) > 0 && (l.well() && len(l.service) > 0 || l.declined())
}

// declined reports whether the upstream answered in the place of its service, which knows neither status: it did not
// like the request (Varnish takes no HEAD with a body), and the service never saw it.
func (l *life) declined() bool {
	return l.record.Reached && !l.record.Aborted && (l.record.Status >= 400 && l.record.Status != http.StatusUpgradeRequired && l.record.Code == "" || l.record.Code == "upstream_error") && len(l.service) == 0
}

// judge says what disagrees, "" if nothing does. The rules:
//   - What was recorded as not reached left no trace behind the gateway.
//   - What was recorded as passed on and answered arrived once, whole, at both places, or at the upstream alone, which
//     declined it.
//   - What was passed on and failed (the client left, its body broke off) may have begun to arrive, once. It may have
//     arrived whole only if the client sent all of it.
//   - Whatever arrived is the plain request: method, path, query, host and body are those that the client sent in that
//     place, the path also in the eyes of readers that decode it and resolve its dots, and it fits the recorded
//     template. Nothing in it says that it is another request.
//
// One kind of upstream ends a chunked body that broke off as if it were whole (mends): what arrives at its service is cut
// off then, and looks complete. Behind the gateway it still must not.
func (l *life) judge(upstream string, mends bool) string {
	r := l.record
	switch {
	case !r.Reached && len(l.behind)+len(l.service) > 0:
		return fmt.Sprintf("not reached, says the record, but %d and %d arrived", len(l.behind), len(l.service))
	case !r.Reached:
		return ""
	case l.plain == nil:
		return "it was passed on, but is no plain request"
	case r.Method != l.plain.Method:
		return fmt.Sprintf("the record says %s, the client said %s", r.Method, l.plain.Method)
	case len(l.behind) > 1 && !l.resent() || len(l.service) > 1:
		return fmt.Sprintf("it arrived %d and %d times", len(l.behind), len(l.service))
	case l.well() && (len(l.behind) == 0 || len(l.service) == 0 && !l.declined()):
		return fmt.Sprintf("it was answered with %d, but arrived %d and %d times", r.Status, len(l.behind), len(l.service))
	case len(l.service) > len(l.behind):
		return "it arrived at the service only"
	}
	for _, a := range l.behind {
		if why := l.compare(a, upstream); why != "" {
			return "behind the gateway " + why
		}
	}
	for _, a := range l.service {
		if mends && l.mended() {
			a.Whole = false
		}
		if why := l.compare(a, upstream); why != "" {
			return "at the service " + why
		}
	}
	return ""
}

// resent reports whether the gateway may have sent the request again: one without a body that changes nothing, on a new
// connection because the upstream closed the one it was written to (RFC 9110 section 9.2.2). The service sees one.
func (l *life) resent() bool {
	m := l.record.Method
	return len(l.behind) == 2 && (m == "GET" || m == "HEAD" || m == "OPTIONS") && l.plain != nil && len(l.plain.Body) == 0
}

// mended reports whether the upstream made a whole request of one that the gateway broke off.
func (l *life) mended() bool {
	return !l.well() && len(l.service) == 1 && l.service[0].Whole && len(l.behind) == 1 && !l.behind[0].Whole
}

func (l *life) compare(a arrival, upstream string) string {
	p := l.plain
	host := p.Host
	if host == "" {
		host = upstream // HTTP/1.0 without a host: the upstream is called by its own name
	}
	sent, query, _ := strings.Cut(p.Target, "?")
	got, gotQuery, _ := strings.Cut(a.Target, "?")
	sentPath, err1 := url.PathUnescape(sent)
	gotPath, err2 := url.PathUnescape(got)
	switch {
	case a.Whole && !p.Whole:
		return "it arrived whole, but was not sent whole"
	case !a.Whole && l.well() && !l.declined(): // who declines need not wait for the body
		return "it was answered, but did not arrive whole"
	case a.Method != p.Method:
		return fmt.Sprintf("it arrived as %s, sent as %s", a.Method, p.Method)
	case err1 != nil || err2 != nil || sentPath != gotPath || query != gotQuery:
		return fmt.Sprintf("it arrived for %q, sent for %q", a.Target, p.Target)
	case !strings.EqualFold(a.Host, host):
		return fmt.Sprintf("it arrived for host %q, sent for %q", a.Host, host)
	case a.Whole && !bytes.Equal(a.Body, p.Body), !a.Whole && !bytes.HasPrefix(p.Body, a.Body):
		return fmt.Sprintf("it arrived with the body %q, sent with %q", a.Body, p.Body)
	case !fits(l.record.Path, gotPath):
		return fmt.Sprintf("it arrived for %q, which is not %q", a.Target, l.record.Path)
	}
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"} {
		if v := a.Values(name); len(v) > 0 {
			return fmt.Sprintf("it arrived with %s: %q", name, v)
		}
	}
	return ""
}

// fits reports whether a decoded path is that of the template, and stays so for readers that resolve dots, join
// slashes, take backslashes for slashes, or decode it once more.
func fits(template, decoded string) bool {
	for _, p := range []string{decoded, strings.ReplaceAll(decoded, "\\", "/")} {
		if again, err := url.PathUnescape(p); err == nil && again != p && !fits(template, again) {
			return false
		}
		if clean := path.Clean(p); clean != p {
			return false
		}
		want, got := strings.Split(template, "/"), strings.Split(p, "/")
		if len(want) != len(got) {
			return false
		}
		for i := range want {
			if want[i] != got[i] && (!strings.HasPrefix(want[i], "{") || got[i] == "") {
				return false
			}
		}
	}
	return true
}
