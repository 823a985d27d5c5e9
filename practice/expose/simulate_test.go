// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
)

// simulator is the admin routes of a gateway that serves the clinic.
func simulator(t testing.TB) http.Handler {
	t.Helper()
	a := clinic(t)
	e, err := New(Defaults(), a, Options{Key: bytes.Repeat([]byte("k"), keySize)})
	if err != nil {
		t.Fatal(err)
	}
	ls := newLevels([]*api.API{a})
	ls.add(e, nil)
	mux := http.NewServeMux()
	for _, r := range ls.routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	return mux
}

func simulate(t testing.TB, h http.Handler, question string) (int, *Simulation, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/expose/simulate", strings.NewReader(question)))
	var s Simulation
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, &s, w.Body.String()
}

func TestASimulationSaysWhatACallerSeesAndWhy(t *testing.T) {
	h := simulator(t)
	for _, tt := range []struct {
		name, question, field string
		as, because           string // because: part of it
	}{
		{"anonymous", `{"method":"GET","path":"/patients/{id}"}`, "diagnosis", "left out", "scope missing: diagnosis:read"},
		{"without a path there is nothing to compare with", `{"method":"GET","path":"/patients/{id}"}`, "diagnosis", "left out", "what a condition asks for is not there"},
		{"a key with the scope", `{"method":"GET","path":"/patients/{id}","key":{"id":"k1","client":"app","scopes":["diagnosis:read"]}}`, "diagnosis", "as it is", "scope held: diagnosis:read (testdata/clinic.openapi.yaml:"},
		{"a key for trying out", `{"method":"GET","path":"/patients/{id}","key":{"all_scopes":true}}`, "diagnosis", "as it is", "scope held"},
		{"a token with the scope", `{"method":"GET","path":"/patients/{id}","claims":{"sub":"greta","scope":"x diagnosis:read"}}`, "diagnosis", "as it is", "scope held"},
		{"scopes as a list", `{"method":"GET","path":"/patients/{id}","claims":{"scp":["diagnosis:read"]}}`, "diagnosis", "as it is", "scope held"},
		{"a condition on the path", `{"method":"get","path":"/patients/greta","claims":{"sub":"greta"}}`, "diagnosis", "as it is", "the condition holds"},
		{"a condition that does not hold", `{"method":"GET","path":"/patients/hugo","claims":{"sub":"greta"}}`, "diagnosis", "left out", "the condition does not hold: caller.subject == request.path.id"},
		{"a claim that is a number", `{"method":"GET","path":"/patients/{id}","claims":{"level":3}}`, "level", "as it is", "the condition holds"},
		{"a mask for everybody", `{"method":"GET","path":"/patients/{id}","key":{"all_scopes":true}}`, "insurance", "masked last4", "masked for everybody"},
		{"a mask for the others", `{"method":"GET","path":"/patients/{id}"}`, "email", "masked email", "scope missing: contact:read"},
		{"nobody at all", `{"method":"GET","path":"/patients/{id}","key":{"all_scopes":true}}`, "secret", "left out", "nobody is named"},
		{"a list", `{"method":"GET","path":"/patients/{id}"}`, "allergies", "masked last4", "masked for everybody"},
		{"inside of a list", `{"method":"GET","path":"/patients/{id}"}`, "doctors[].email", "masked email", "scope missing"},
		{"inside of what holds itself", `{"method":"GET","path":"/patients/{id}"}`, "deputy.deputy.bed", "", ""},
		{"a whole answer", `{"method":"GET","path":"/rounds"}`, "(the whole answer)", "emptied", "scope missing: rounds:read"},
		{"items of a whole answer", `{"method":"GET","path":"/patients"}`, "[].diagnosis", "left out", "scope missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, s, text := simulate(t, h, tt.question)
			if status != http.StatusOK {
				t.Fatalf("got %d %s", status, text)
			}
			var found *Seen
			for i := range s.Fields {
				if s.Fields[i].Field == tt.field {
					found = &s.Fields[i]
				}
			}
			switch {
			case tt.as == "":
				if found != nil {
					t.Errorf("what holds itself is told twice: %+v", found)
				}
			case found == nil:
				t.Errorf("there is no %s in %s", tt.field, text)
			case found.SeenAs != tt.as || !strings.Contains(found.Because, tt.because):
				t.Errorf("got %+v", found)
			}
		})
	}
}

func TestASimulationCountsWhatIsNotRestricted(t *testing.T) {
	h := simulator(t)
	_, shut, _ := simulate(t, h, `{"method":"GET","path":"/rounds"}`)
	_, open, _ := simulate(t, h, `{"method":"GET","path":"/rounds","key":{"scopes":["rounds:read"]}}`)
	// beds and the items of beds
	if shut.Others != 0 || open.Others != 2 || open.Fields[0].SeenAs != "as it is" || open.More {
		t.Errorf("got %+v and %+v", shut, open)
	}
}

// The answer goes through the very edits that calls meet.
func TestASimulationShowsTheAnswerAsTheCallerWouldGetIt(t *testing.T) {
	h := simulator(t)
	for name, tt := range map[string]struct{ question, want string }{
		"masked and left out": {`{"method":"GET","path":"/patients/greta","answer":"{\"diagnosis\":\"D\",\"bed\":1,\"remark\":\"` + aCard + `\"}"}`,
			`{"bed":null,"remark":"************1111"}`},
		"as it is": {`{"method":"GET","path":"/patients/greta","claims":{"sub":"greta","scope":"bed:read"},"answer":"{\"diagnosis\":\"D\",\"bed\":1}"}`,
			`{"diagnosis":"D","bed":1}`},
		"of another type":   {`{"method":"GET","path":"/patients","type":"application/x-ndjson","answer":"{\"bed\":1}\n{\"bed\":2}\n"}`, "{\"bed\":null}\n{\"bed\":null}\n"},
		"of another status": {`{"method":"GET","path":"/patients/greta","status":400,"answer":"{\"error\":\"` + aCard + `\"}"}`, `{"error":"************1111"}`},
	} {
		status, s, text := simulate(t, h, tt.question)
		if status != http.StatusOK || s.Answer != tt.want {
			t.Errorf("%s: got %d %s, want %s", name, status, text, tt.want)
		}
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	h := simulator(t)
	for _, tt := range []struct {
		name, question string
		status         int
		code           string
	}{
		{"no JSON", `GET /patients`, 400, "body_unreadable"},
		{"a member that is not known", `{"methode":"GET"}`, 400, "body_unreadable"},
		{"an undeclared path", `{"method":"GET","path":"/nothing"}`, 404, "undeclared_path"},
		{"an undeclared method", `{"method":"DELETE","path":"/patients"}`, 404, "undeclared_path"},
		{"no path", `{"method":"GET","path":"%"}`, 400, "path_unreadable"},
		{"an answer that is no JSON", `{"method":"GET","path":"/patients","answer":"[1"}`, 502, "upstream_json"},
		{"an answer where none has a body", `{"method":"PUT","path":"/patients/{id}","answer":"{}"}`, 422, "no_answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, text := simulate(t, h, tt.question)
			if status != tt.status || !strings.Contains(text, `"code":"`+tt.code+`"`) {
				t.Errorf("got %d %s", status, text)
			}
		})
	}
	w := httptest.NewRecorder()
	newLevels(nil).serve(w, httptest.NewRequest("POST", "/expose/simulate", strings.NewReader(`{}`)))
	if w.Code != http.StatusConflict {
		t.Errorf("without a gateway: got %d %s", w.Code, w.Body)
	}
}

func TestWhereExposeIsOffNothingIsRestricted(t *testing.T) {
	ls := newLevels([]*api.API{clinic(t)})
	s, err := ls.simulate(&Question{Method: "GET", Path: "/patients", Answer: `[{"secret":"S"}]`})
	if err != nil || !s.Off || s.Answer != `[{"secret":"S"}]` {
		t.Errorf("got %+v, %v", s, err)
	}
}
