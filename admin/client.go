// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package admin speaks to the control API: the Unix socket of a running gateway, or the same handler in this process
// where none runs.
//
// The socket is as strong as its file: mode 0600 in a directory of mode 0700. Nothing else guards it.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Client calls the control API.
type Client struct{ http *http.Client }

// Socket returns a client of the gateway that serves on the Unix socket at path. It does not connect yet.
func Socket(path string) *Client {
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", path)
		},
	}}}
}

// InProcess returns a client of h itself, without a connection.
func InProcess(h http.Handler) *Client {
	return &Client{&http.Client{Transport: handlerTransport{h}}}
}

// An Error is a refusal of the control API.
type Error struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// Errors are the members of what was sent that do not fit.
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors,omitempty"`
}

// Error returns the first thing that does not fit, else the refusal as a whole.
func (e *Error) Error() string {
	if len(e.Errors) > 0 {
		return strings.TrimPrefix(strings.TrimPrefix(e.Errors[0].Pointer, "#"), "/") + " " + e.Errors[0].Detail
	}
	return e.Detail
}

// maxAnswer bounds what a call may answer.
const maxAnswer = 64 << 20

// Call sends in as JSON (nil: no body) and decodes the answer into out (nil: ignored). A refusal is an *Error.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	return c.Send(ctx, method, path, "application/json", body, out)
}

// Send sends body as it is, streamed, and decodes the answer into out.
func (c *Client) Send(ctx context.Context, method, path, contentType string, body io.Reader, out any) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://yett"+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return refusal(res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// Copy sends body as it is, streamed, and copies the answer to w as it comes.
func (c *Client) Copy(ctx context.Context, method, path, contentType string, body io.Reader, w io.Writer) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://yett"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode >= 300 {
		b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return err
		}
		return refusal(res.StatusCode, b)
	}
	_, err = io.Copy(w, res.Body)
	return err
}

func refusal(status int, body []byte) error {
	e := &Error{Status: status}
	if json.Unmarshal(body, e) != nil || e.Detail == "" {
		e.Detail = fmt.Sprintf("the gateway answered %d", status)
	}
	return e
}

// handlerTransport answers requests with a handler.
type handlerTransport struct{ h http.Handler }

// RoundTrip calls the handler and returns what it writes, as it writes it.
func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	read, write := io.Pipe()
	w := &recorder{header: make(http.Header), begun: make(chan int, 1), body: write}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			} else if v != nil {
				_ = write.CloseWithError(errors.New("the answer broke off")) // never fails
			}
		}()
		t.h.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK) // where nothing was written
		_ = write.Close()            // never fails
	}()
	select {
	case status := <-w.begun:
		return &http.Response{
			StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: w.header, Body: &answer{read, ended}, ContentLength: -1, Request: r,
		}, nil
	case <-ended:
		return nil, errors.New("there was no answer")
	}
}

// An answer is a handler's. To close it is to wait until the handler has returned.
type answer struct {
	*io.PipeReader
	ended chan struct{}
}

func (a *answer) Close() error {
	err := a.PipeReader.Close()
	<-a.ended
	return err
}

type recorder struct {
	header http.Header
	begun  chan int
	wrote  bool
	body   *io.PipeWriter
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.wrote = true
		w.begun <- status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
