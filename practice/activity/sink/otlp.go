// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yett/practice"
)

const (
	// maxRequest bounds the body of a request before it is compressed. Collectors take 4 MiB and more.
	maxRequest = 4 << 20
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 10
	// maxRetryAfter bounds how long a server may have itself left alone.
	maxRetryAfter = 5 * time.Minute
)

// An otlp posts records as logs of OpenTelemetry, in JSON (OTLP 1, "OTLP/HTTP").
type otlp struct {
	url      string
	headers  map[string]practice.Secret
	form     form
	resource resource
	timeout  time.Duration
	http     *http.Client
}

func newOTLP(c Config, o Options, form form) (*otlp, error) {
	conf, err := tlsConfig(c.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	for name, secret := range c.Headers {
		if _, err := secret.Value(); err != nil { // said now rather than with the first record
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
	}
	return &otlp{url: c.URL, headers: c.Headers, form: form, resource: resourceOf(o.Hostname), timeout: c.Timeout,
		http: &http.Client{
			Transport: &http.Transport{ // no Proxy: the environment has no say in where records go
				DialContext:            (&net.Dialer{}).DialContext,
				TLSClientConfig:        conf,
				ForceAttemptHTTP2:      true,
				DisableCompression:     true, // an answer is as long as it says
				MaxIdleConnsPerHost:    1,
				IdleConnTimeout:        time.Minute,
				MaxResponseHeaderBytes: maxAnswer,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}, nil
}

// errTooLarge says that a batch is more than the server takes at once.
var errTooLarge = errors.New("the server takes no request of this size (status 413)")

// Send posts the batch, in halves where the server finds it too large. A record that is too large by itself is rejected.
func (s *otlp) Send(ctx context.Context, batch []Record) error {
	err := s.post(ctx, batch)
	if !errors.Is(err, errTooLarge) {
		return err
	}
	if len(batch) == 1 {
		return &RejectedError{1, fmt.Sprintf("record %d is too large for the server", batch[0].Seq)}
	}
	var all RejectedError
	for _, half := range [][]Record{batch[:len(batch)/2], batch[len(batch)/2:]} {
		err := s.Send(ctx, half)
		if r, ok := errors.AsType[*RejectedError](err); ok {
			all = RejectedError{all.Count + r.Count, r.Reason}
		} else if err != nil {
			return err
		}
	}
	if all.Count > 0 {
		return &all
	}
	return nil
}

func (s *otlp) post(ctx context.Context, batch []Record) (err error) {
	body, err := json.Marshal(export(s.resource, batch, s.form))
	if err != nil {
		return err
	}
	if len(body) > maxRequest {
		return errTooLarge
	}
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	if _, err := z.Write(body); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, &small)
	if err != nil {
		return err
	}
	for name, secret := range s.headers { // read each time: a file with a new token is taken up
		value, err := secret.Value()
		if err != nil {
			return fmt.Errorf("headers.%s: %w", name, err)
		}
		r.Header.Set(name, string(value))
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "yett")
	res, err := s.http.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the address is told with the sink's name
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	return judge(res)
}

// judge reads an answer. Only what is clearly the answer of a collector says that records were taken: a captive portal
// answers 200 too. A refusal that a collector means for good, such as 400, is an error like any other: the log still
// has the records, and what the operator sets right makes them arrive.
func judge(res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusRequestEntityTooLarge:
		return errTooLarge
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("status %d (redirects are not followed; write the address that they lead to)", res.StatusCode)
	case res.StatusCode < 200 || res.StatusCode > 299:
		err := fmt.Errorf("status %d", res.StatusCode)
		if after := retryAfter(res.Header.Get("Retry-After"), time.Now()); after > 0 {
			return &BusyError{after, err}
		}
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("an answer above %d bytes is not that of a collector", maxAnswer)
	}
	if len(body) == 0 {
		return nil // some answer 204
	}
	var answer struct {
		PartialSuccess struct {
			Rejected json.RawMessage `json:"rejectedLogRecords"` // a number, as JSON of protobuf a text
			Message  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return errors.New("an answer that is not JSON is not that of a collector (is the path /v1/logs?)")
	}
	p := answer.PartialSuccess
	n, err := strconv.ParseUint(strings.Trim(string(p.Rejected), `"`), 10, 32)
	if err == nil && n > 0 {
		return &RejectedError{n, fmt.Sprintf("%.200q", p.Message)}
	}
	return nil
}

// retryAfter reads the field, seconds or a date (RFC 9110 section 10.2.3). It is 0 where there is none.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func (s *otlp) Close() error {
	s.http.CloseIdleConnections()
	return nil
}
