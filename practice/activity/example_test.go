// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"yett/practice/activity"
)

// Every exchange of a handler leaves a record without its query.
func Example() {
	dir, err := os.MkdirTemp("", "activity")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := activity.Open(context.Background(), dir, activity.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()

	h := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/tea?password=hunter2", nil))

	cancel()
	if err := <-ended; err != nil {
		fmt.Println(err)
	}
	if err := l.Close(); err != nil {
		fmt.Println(err)
	}
	last, err := l.Last(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range last {
		fmt.Println(e.Seq, e.Kind, e.Method, e.Status)
	}
	// Output:
	// 1 exchange GET 418
	// 2 stop  0
}
