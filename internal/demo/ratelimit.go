// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	logins  = 500
	workers = 8
	// The gate of the demonstration admits 20 logins a minute; see yett.yaml.
	admitted = 20
	refill   = time.Minute / admitted
)

// manyLogins guesses at one password, many times.
var manyLogins = Attack{
	Number: 6, Practice: "ratelimit", Title: fmt.Sprintf("%d guesses at a password", logins),
	Fire: func(ctx context.Context, s *Side) Outcome {
		began := time.Now()
		var next, answered, limited atomic.Int64
		var failed sync.Once
		var failure error
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for n := next.Add(1); n <= logins; n = next.Add(1) {
					a, err := s.Do(ctx, Call{Method: "POST", Path: "/sessions", Type: formType,
						Body: url.Values{"email": {"anna.adler@example.org"}, "password": {fmt.Sprint("guess-", n)}}.Encode()})
					switch {
					case err != nil:
						failed.Do(func() { failure = err })
						return
					case a.Status == http.StatusTooManyRequests && a.Problem().Code == "rate_limited":
						limited.Add(1)
					case a.Status == http.StatusUnauthorized: // the shop has looked at the password
						answered.Add(1)
					default:
						failed.Do(func() { failure = fmt.Errorf("unexpected %d", a.Status) })
						return
					}
				}
			})
		}
		all.Wait()
		if failure != nil {
			return cannotTell(failure)
		}
		n := answered.Load()
		if fair := admitted + int64(time.Since(began)/refill) + 1; n > fair {
			return gotThrough("%d answered", n)
		}
		return refused("%d pass, then 429", n)
	},
}
