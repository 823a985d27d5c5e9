// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ocsf

import (
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// An event holds the members of the three classes. The names and numbers are those of the schema.
type event struct {
	ActivityID    int       `json:"activity_id"`
	ActivityName  string    `json:"activity_name"`
	CategoryUID   int       `json:"category_uid"`
	ClassUID      int       `json:"class_uid"`
	TypeUID       int       `json:"type_uid"`
	Time          int64     `json:"time"` // milliseconds
	SeverityID    int       `json:"severity_id"`
	Severity      string    `json:"severity"`
	StatusID      int       `json:"status_id,omitempty"`
	Status        string    `json:"status,omitempty"`
	StatusCode    string    `json:"status_code,omitempty"`
	StatusDetail  string    `json:"status_detail,omitempty"`
	ActionID      int       `json:"action_id,omitempty"`
	Action        string    `json:"action,omitempty"`
	DispositionID int       `json:"disposition_id,omitempty"`
	Disposition   string    `json:"disposition,omitempty"`
	Duration      int64     `json:"duration,omitempty"` // milliseconds
	Message       string    `json:"message,omitempty"`
	Metadata      metadata  `json:"metadata"`
	Actor         *actor    `json:"actor,omitempty"`
	API           *api      `json:"api,omitempty"`
	Src           *endpoint `json:"src_endpoint,omitempty"`
	Dst           *endpoint `json:"dst_endpoint,omitempty"`
	Request       *request  `json:"http_request,omitempty"`
	Response      *response `json:"http_response,omitempty"`
	Unmapped      any       `json:"unmapped,omitempty"`
}

type metadata struct {
	Version        string   `json:"version"`
	Product        product  `json:"product"`
	Profiles       []string `json:"profiles,omitempty"`
	UID            string   `json:"uid,omitempty"`
	Sequence       uint64   `json:"sequence"`
	LogName        string   `json:"log_name"`
	CorrelationUID string   `json:"correlation_uid,omitempty"` // the trace
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type actor struct {
	AppUID string `json:"app_uid,omitempty"`
	User   *user  `json:"user,omitempty"`
}

type user struct {
	Name          string `json:"name,omitempty"`
	UID           string `json:"uid,omitempty"`
	CredentialUID string `json:"credential_uid,omitempty"`
}

type api struct {
	Operation string `json:"operation"`
}

type endpoint struct {
	IP       string `json:"ip,omitempty"`
	Hostname string `json:"hostname,omitempty"`
	SvcName  string `json:"svc_name,omitempty"`
}

type request struct {
	Method  string `json:"http_method,omitempty"`
	URL     *where `json:"url,omitempty"`
	Version string `json:"version,omitempty"`
	Length  int64  `json:"length,omitempty"`
}

type where struct {
	Path string `json:"path"`
}

type response struct {
	Code   int   `json:"code"`
	Length int64 `json:"length,omitempty"`
}

// exchangeRest is what OCSF has no word for in an exchange.
type exchangeRest struct {
	API       string          `json:"api,omitempty"`
	Op        string          `json:"op,omitempty"`
	Decisions json.RawMessage `json:"decisions,omitempty"`
	Findings  json.RawMessage `json:"findings,omitempty"`
	Reached   bool            `json:"reached"`
	Duration  float64         `json:"duration,omitempty"` // seconds, finer than the event's own milliseconds
	Upstream  float64         `json:"upstream,omitempty"` // seconds
	Aborted   bool            `json:"aborted,omitempty"`
}

// head is what every class has. activity and name are of the class.
func head(r *record, category, class, activity int, name string) event {
	return event{
		ActivityID: activity, ActivityName: name, CategoryUID: category, ClassUID: class, TypeUID: class*100 + activity,
		Time:       r.Time.UnixMilli(),
		SeverityID: 1, Severity: "Informational",
		Metadata: metadata{Version: Version, Product: product{"yett", "yett"}, UID: r.ID, Sequence: r.Seq, LogName: "activity", CorrelationUID: r.Trace},
	}
}

// other is what the schema calls a number it has no name for.
const other = 99

// httpActivities are the numbers of HTTP Activity in 1.3.0, which has none for PATCH.
var httpActivities = map[string]struct {
	id   int
	name string
}{
	"CONNECT": {1, "Connect"}, "DELETE": {2, "Delete"}, "GET": {3, "Get"}, "HEAD": {4, "Head"},
	"OPTIONS": {5, "Options"}, "POST": {6, "Post"}, "PUT": {7, "Put"}, "TRACE": {8, "Trace"},
}

func httpActivity(r *record) *event {
	activity, ok := httpActivities[r.Method]
	if !ok {
		activity.id, activity.name = other, r.Method
	}
	e := head(r, 4, 4002, activity.id, activity.name)
	e.Metadata.Profiles = []string{"security_control"}
	e.setStatus(r)
	e.ActionID, e.Action, e.DispositionID, e.Disposition = 1, "Allowed", 1, "Allowed"
	if refused(r) {
		e.ActionID, e.Action, e.DispositionID, e.Disposition = 2, "Denied", 2, "Blocked"
	}
	if ms := r.Duration * 1000; ms >= 1 && ms < math.MaxInt32 {
		e.Duration = int64(math.Round(ms))
	}
	if r.Principal != (principal{}) {
		e.Metadata.Profiles = append(e.Metadata.Profiles, "host") // the profile that has an actor
		e.Actor = &actor{AppUID: r.Principal.Client}
		if r.Principal.Person != "" || r.Principal.Key != "" {
			e.Actor.User = &user{UID: r.Principal.Person, CredentialUID: r.Principal.Key}
		}
	}
	// A pseudonym of an address is no address.
	if a, err := netip.ParseAddr(r.Address); err == nil {
		e.Src = &endpoint{IP: a.String()}
	}
	if r.API != "" {
		e.Dst = &endpoint{SvcName: r.API}
	}
	_, version, _ := strings.Cut(r.Proto, "/")
	e.Request = &request{Method: r.Method, Version: version, Length: r.BytesIn}
	if r.Path != "" {
		e.Request.URL = &where{r.Path}
	}
	if r.Status != 0 {
		e.Response = &response{r.Status, r.BytesOut}
	}
	e.Unmapped = exchangeRest{r.API, r.Op, r.Decisions, r.Findings, r.Reached, r.Duration, r.Upstream, r.Aborted}
	return &e
}

func apiActivity(r *record) *event {
	method, _, _ := strings.Cut(r.Op, " ")
	id, name := other, method
	switch method {
	case "GET":
		id, name = 2, "Read"
	case "PUT", "PATCH":
		id, name = 3, "Update"
	case "DELETE":
		id, name = 4, "Delete"
	}
	// A POST is whatever its path says; to call each of them Create would be untrue of a revocation.
	e := head(r, 6, 6003, id, name)
	e.setStatus(r)
	e.API = &api{r.Op}
	e.Actor = &actor{User: &user{Name: r.Actor}}
	e.Src = &endpoint{Hostname: "localhost"} // the admin API is a socket of the machine
	if r.Status != 0 {
		e.Response = &response{Code: r.Status}
	}
	return &e
}

// baseEvent tells what the log says of itself: every member that has no place of its own lies in unmapped.
func baseEvent(r *record, line []byte) (*event, error) {
	var rest map[string]json.RawMessage
	if err := json.Unmarshal(line, &rest); err != nil {
		return nil, err
	}
	for _, told := range []string{"seq", "id", "time", "sealed"} {
		delete(rest, told)
	}
	e := head(r, 0, 0, other, r.Kind)
	e.Unmapped = rest
	if r.Kind == "gap" {
		e.SeverityID, e.Severity = 4, "High"
		e.Message = "There are no records from " + strconv.FormatUint(r.From, 10) + " to " + strconv.FormatUint(r.To, 10) + "."
		e.StatusDetail = r.Cause
	}
	return &e, nil
}

// setStatus tells how it ended. An answer below 400 is a success.
func (e *event) setStatus(r *record) {
	e.StatusDetail = r.Code
	if r.Status == 0 {
		e.StatusID, e.Status = other, "No answer"
		return
	}
	e.StatusCode = strconv.Itoa(r.Status)
	e.StatusID, e.Status = 1, "Success"
	if r.Status >= 400 {
		e.StatusID, e.Status = 2, "Failure"
		e.SeverityID, e.Severity = 2, "Low"
	}
	if r.Status >= 500 {
		e.SeverityID, e.Severity = 3, "Medium"
	}
}

// refused reports whether a practice refused the exchange.
func refused(r *record) bool {
	var all []struct {
		Decision string `json:"decision"`
	}
	if json.Unmarshal(r.Decisions, &all) != nil {
		return false // no decisions
	}
	for _, d := range all {
		if d.Decision == "refused" {
			return true
		}
	}
	return false
}
