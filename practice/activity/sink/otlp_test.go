// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett/practice"
)

// A received request, by the names of the specification and not by those of the sender.
type received struct {
	ResourceLogs []struct {
		Resource struct {
			Attributes []keyValue `json:"attributes"`
		} `json:"resource"`
		ScopeLogs []struct {
			LogRecords []struct {
				TimeUnixNano   string `json:"timeUnixNano"`
				SeverityNumber int    `json:"severityNumber"`
				SeverityText   string `json:"severityText"`
				EventName      string `json:"eventName"`
				TraceID        string `json:"traceId"`
				Body           struct {
					StringValue string `json:"stringValue"`
				} `json:"body"`
				Attributes []keyValue `json:"attributes"`
			} `json:"logRecords"`
		} `json:"scopeLogs"`
	} `json:"resourceLogs"`
}

type keyValue struct {
	Key   string `json:"key"`
	Value struct {
		StringValue string `json:"stringValue"`
		IntValue    string `json:"intValue"`
	} `json:"value"`
}

// collect reads a request as a collector does.
func collect(t *testing.T, r *http.Request) (got received) {
	t.Helper()
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Error(err)
		return got
	}
	if err := json.NewDecoder(z).Decode(&got); err != nil {
		t.Error(err)
	}
	return got
}

// collector serves h and returns a sink for it.
func collector(t *testing.T, c Config, h http.HandlerFunc) Sink {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c.Type, c.URL = "otlp", srv.URL+"/v1/logs"
	return open(t, c, Options{Hostname: "gate1"})
}

func TestACollectorReadsTheRecords(t *testing.T) {
	t.Setenv("TOKEN", "Bearer hunter2")
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128") // nobody is there
	batch := append(records(7, 1), Record{Seq: 8, Kind: "gap", Time: batchTime, Line: []byte(`{"seq":8,"kind":"gap","address":"a_7"}`)})
	var got received
	s := collector(t, Config{Headers: map[string]practice.Secret{"Authorization": practice.SecretEnv("TOKEN")}}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Authorization") != "Bearer hunter2" {
			t.Errorf("got %s %s with %v", r.Method, r.URL, r.Header)
		}
		got = collect(t, r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"partialSuccess":{}}`) // a client that went away shows in Send
	})
	send(t, s, batch)
	if len(got.ResourceLogs) != 1 || len(got.ResourceLogs[0].ScopeLogs) != 1 || len(got.ResourceLogs[0].ScopeLogs[0].LogRecords) != 2 {
		t.Fatalf("got %+v, want two records", got)
	}
	texts := func(all []keyValue) string {
		var b strings.Builder
		for _, a := range all {
			b.WriteString(a.Key + "=" + a.Value.StringValue + a.Value.IntValue + " ")
		}
		return b.String()
	}
	if got := texts(got.ResourceLogs[0].Resource.Attributes); got != "service.name=yett host.name=gate1 " {
		t.Errorf("got the resource %q", got)
	}
	first, second := got.ResourceLogs[0].ScopeLogs[0].LogRecords[0], got.ResourceLogs[0].ScopeLogs[0].LogRecords[1]
	if first.TimeUnixNano != strconv.FormatInt(batchTime.UnixNano(), 10) || first.SeverityNumber != 10 || first.SeverityText != "INFO2" ||
		first.EventName != "yett.exchange" || first.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" ||
		first.Body.StringValue != strings.TrimSpace(string(batch[0].Line)) {
		t.Errorf("got %+v", first)
	}
	if got, want := texts(first.Attributes), "yett.seq=7 log.record.uid=0199f3c2-5d0a-7c11-8a2e-0f1e2d3c4b5a http.request.method=POST "+
		"http.route=/orders error.type=body_invalid client.address=198.51.100.24 http.response.status_code=422 "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if second.SeverityNumber != 17 || texts(second.Attributes) != "yett.seq=8 " || second.TraceID != "" {
		t.Errorf("got %+v, want an error without attributes of its own", second)
	}
}

var batchTime = time.Date(2026, 11, 23, 14, 8, 31, 204e6, time.UTC)

func TestAnAnswerSaysWhetherRecordsWereTaken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // of the error; "" is taken
	}{
		{"200 with nothing", func(http.ResponseWriter, *http.Request) {}, ""},
		{"204", status(204, ""), ""},
		{"200 with an empty object", status(200, "{}"), ""},
		{"a warning", status(200, `{"partialSuccess":{"errorMessage":"slow down"}}`), ""},
		{"some rejected", status(200, `{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too \u001b[2J old"}}`), `2 records were rejected: "too \x1b[2J old"`},
		{"some rejected, as a number", status(200, `{"partialSuccess":{"rejectedLogRecords":3}}`), "3 records were rejected"},
		{"a page of a captive portal", status(200, "<html>pay here</html>"), "not that of a collector"},
		{"400", status(400, `{"message":"no"}`), "status 400"},
		{"401", status(401, ""), "status 401"},
		{"503", status(503, ""), "status 503"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "redirects are not followed"},
		{"an endless body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, "above 65536 bytes"},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*maxAnswer))
		}, "header"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded"},
		{"an answer that stops", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "deadline exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := collector(t, Config{Timeout: 300 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/logs" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				_ = collect(t, r)
				tt.answer(w, r)
			})
			began := time.Now()
			err := s.Send(t.Context(), records(1, 5))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want the records taken", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestRetryAfterIsHonouredWithinReason(t *testing.T) {
	for _, tt := range []struct {
		name, field string
		code        int
		want        time.Duration // 0 is none
	}{
		{"429 with seconds", "17", 429, 17 * time.Second},
		{"503 with seconds", "1", 503, time.Second},
		{"an hour", "3600", 429, maxRetryAfter},
		{"more seconds than a duration holds", "2147483647", 429, maxRetryAfter},
		{"a date far off", "Fri, 01 Jan 2100 00:00:00 GMT", 503, maxRetryAfter},
		{"a date gone by", "Fri, 01 Jan 2010 00:00:00 GMT", 503, 0},
		{"none", "", 429, 0},
		{"nonsense", "soon", 429, 0},
		{"less than nothing", "-5", 429, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := collector(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.field)
				w.WriteHeader(tt.code)
			})
			err := s.Send(t.Context(), records(1, 1))
			if err == nil {
				t.Fatal("the records were taken")
			}
			var got time.Duration
			if busy, ok := errors.AsType[*BusyError](err); ok {
				got = busy.After
			}
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestABatchThatIsTooLargeIsHalvedUntilItFits(t *testing.T) {
	var taken atomic.Int64
	s := collector(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		logs := collect(t, r).ResourceLogs[0].ScopeLogs[0].LogRecords
		for _, l := range logs {
			if len(logs) > 3 || strings.Contains(l.Body.StringValue, "poison") {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
		}
		taken.Add(int64(len(logs)))
	})
	batch := records(1, 20)
	batch[4].Line = []byte(`{"seq":5,"path":"poison"}`)
	err := s.Send(t.Context(), batch)
	r, ok := errors.AsType[*RejectedError](err)
	if !ok || r.Count != 1 || !strings.Contains(r.Reason, "record 5 ") || taken.Load() != 19 {
		t.Errorf("got %v, and %d were taken, want record 5 rejected and 19 taken", err, taken.Load())
	}
	long := records(1, 1)
	long[0].Line = []byte(`{"path":"` + strings.Repeat("x", maxRequest) + `"}`)
	err = s.Send(t.Context(), long)
	if _, ok := errors.AsType[*RejectedError](err); !ok || taken.Load() != 19 {
		t.Errorf("got %v, and %d were taken, want a record above the bound rejected", err, taken.Load())
	}
}

func TestASecretThatIsNotThereIsSaidAtOnceAndNeverShown(t *testing.T) {
	c := Config{Type: "otlp", URL: "http://127.0.0.1:1/v1/logs", Headers: map[string]practice.Secret{"Authorization": practice.SecretEnv("YETT_NOT_THERE")}}
	if _, err := Open(c, Options{}); err == nil || !strings.Contains(err.Error(), "headers.Authorization: the environment has no YETT_NOT_THERE") {
		t.Errorf("got %v", err)
	}
	t.Setenv("YETT_NOT_THERE", "hunter2\r\nX: y")
	err := open(t, c, Options{}).Send(t.Context(), records(1, 1))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the value", err)
	}
}
