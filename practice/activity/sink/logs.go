// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/hex"
	"net/netip"
	"strconv"
)

// The types of this file are what is used of opentelemetry.proto.logs.v1 in its form of JSON: numbers of 64 bits are
// texts, and ids are hexadecimal.
type exportRequest struct {
	ResourceLogs [1]resourceLogs `json:"resourceLogs"`
}

type resourceLogs struct {
	Resource  resource     `json:"resource"`
	ScopeLogs [1]scopeLogs `json:"scopeLogs"`
}

type resource struct {
	Attributes []attribute `json:"attributes"`
}

type scopeLogs struct {
	Scope      scope       `json:"scope"`
	LogRecords []logRecord `json:"logRecords"`
}

type scope struct {
	Name string `json:"name"`
}

type logRecord struct {
	Time           string      `json:"timeUnixNano"`
	SeverityNumber int         `json:"severityNumber"`
	SeverityText   string      `json:"severityText"`
	Body           value       `json:"body"`
	Attributes     []attribute `json:"attributes"`
	TraceID        string      `json:"traceId,omitempty"`
	EventName      string      `json:"eventName"`
}

type attribute struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
}

type value struct {
	String *string `json:"stringValue,omitempty"`
	Int    *string `json:"intValue,omitempty"`
}

func text(s string) value { return value{String: &s} }

func number(n uint64) value {
	s := strconv.FormatUint(n, 10)
	return value{Int: &s}
}

func resourceOf(host string) resource {
	r := resource{[]attribute{{"service.name", text("yett")}}}
	if host != "" {
		r.Attributes = append(r.Attributes, attribute{"host.name", text(host)})
	}
	return r
}

// export is the batch as one request. The record lies in the body as text, whole; the attributes are those that
// OpenTelemetry has names for.
func export(from resource, batch []Record, form form) *exportRequest {
	logs := make([]logRecord, len(batch))
	for i := range batch {
		logs[i] = logOf(&batch[i], form)
	}
	return &exportRequest{[1]resourceLogs{{from, [1]scopeLogs{{scope{"yett/practice/activity"}, logs}}}}}
}

func logOf(r *Record, form form) logRecord {
	g := gistOf(r)
	sev := g.severity(r.Kind)
	l := logRecord{Time: strconv.FormatInt(max(r.Time.UnixNano(), 0), 10), SeverityNumber: sev.otlp, SeverityText: sev.name,
		Body: text(string(form(nil, r))), EventName: "yett." + r.Kind,
		Attributes: []attribute{{"yett.seq", number(r.Seq)}}}
	add := func(key, s string) {
		if s != "" {
			l.Attributes = append(l.Attributes, attribute{key, text(s)})
		}
	}
	add("log.record.uid", g.ID)
	add("http.request.method", g.Method)
	add("http.route", g.Path)
	add("error.type", g.Code)
	if _, err := netip.ParseAddr(g.Address); err == nil { // else it is a pseudonym
		add("client.address", g.Address)
	}
	if g.Status > 0 {
		l.Attributes = append(l.Attributes, attribute{"http.response.status_code", number(uint64(g.Status))})
	}
	if id, err := hex.DecodeString(g.Trace); err == nil && len(id) == 16 {
		l.TraceID = g.Trace
	}
	return l
}
