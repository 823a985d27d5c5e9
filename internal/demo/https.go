// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// clearPassword logs in without encryption, while somebody listens on the wire.
var clearPassword = Attack{
	Number: 1, Practice: "https", Title: "password sent in clear",
	Fire: func(ctx context.Context, s *Side) Outcome {
		w, err := listen(ctx, s.host())
		if err != nil {
			return cannotTell(err)
		}
		defer w.close()
		login := url.Values{"email": {"carla.conti@example.org"}, "password": {"123456"}}.Encode()
		a, err := s.Do(ctx, Call{Method: "POST", Base: "http://" + w.l.Addr().String(), Path: "/sessions", Type: formType, Body: login})
		if err != nil {
			return cannotTell(err)
		}
		switch {
		case a.Status == http.StatusCreated && w.heard("password=123456"):
			return gotThrough("%d, readable", a.Status)
		case a.Status == http.StatusForbidden && a.Problem().Code == "https_required":
			if err := s.recorded(ctx, a); err != nil {
				return cannotTell(err)
			}
			return refused("%d, recorded", a.Status)
		}
		return unexpected(a)
	},
}

const formType = "application/x-www-form-urlencoded"

// A wire is a connection on which somebody listens.
type wire struct {
	l    net.Listener
	done sync.WaitGroup
	mu   sync.Mutex
	said bytes.Buffer // by the client
}

// listen opens a wire that leads to address, for one connection.
func listen(ctx context.Context, address string) (*wire, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{l: l}
	w.done.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return // closed before anybody came
		}
		defer func() { _ = near.Close() }() // the client has its answer, or told its error
		far, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return // the client sees its connection end
		}
		defer context.AfterFunc(ctx, func() { _ = errors.Join(near.Close(), far.Close()) })()
		w.done.Go(func() {
			_, _ = io.Copy(io.MultiWriter(far, w), near) // ends when either end closes
			_ = far.Close()
		})
		_, _ = io.Copy(near, far)
	})
	return w, nil
}

// maxHeard is how much of what is said a listener remembers.
const maxHeard = 64 << 10

// Write listens.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said.Write(b[:min(len(b), maxHeard-w.said.Len())])
	return len(b), nil
}

func (w *wire) heard(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.said.String(), text)
}

func (w *wire) close() { _ = w.l.Close() } // what was on the wire ends with the client's connection
