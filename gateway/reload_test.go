// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// loadFor has callers ask without a pause until stop is called, which returns how many asked and what went wrong.
func loadFor(g *gate, callers int) (stop func() (int64, []string)) {
	ctx, cancel := context.WithCancel(context.Background())
	var asked atomic.Int64
	var mu sync.Mutex
	var wrong []string
	var all sync.WaitGroup
	for i := range callers {
		client := g.h1
		if i%2 == 1 {
			client = g.h2
		}
		all.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequest(http.MethodGet, g.url("/open/x"), nil)
				if err == nil {
					var res *http.Response
					if res, err = client.Do(req); err == nil {
						var body []byte
						body, err = io.ReadAll(res.Body)
						_ = res.Body.Close() // it was read
						if err == nil && (res.StatusCode != 200 || string(body) != "GET /open/x") {
							err = fmt.Errorf("status %d, body %q", res.StatusCode, body)
						}
					}
				}
				asked.Add(1)
				if err != nil {
					mu.Lock()
					wrong = append(wrong, err.Error())
					mu.Unlock()
				}
			}
		})
	}
	return func() (int64, []string) {
		cancel()
		all.Wait()
		return asked.Load(), wrong
	}
}

func TestReloadUnderLoadFailsNobody(t *testing.T) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/socket" {
			echo(w, r)
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the gateway looks at Origin
		if err != nil {
			return
		}
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, b) != nil {
				return
			}
		}
	}, "    ratelimit: { off: \"load\" }\n")
	good := "ratelimit: { address: { requests: 1000000000, per: 1m } }\n" + g.read("yett.yaml")
	g.write("yett.yaml", good)
	if _, err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	talk, _, err := websocket.Dial(t.Context(), "wss://"+g.Addr().String()+"/socket", &websocket.DialOptions{HTTPClient: g.h1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = talk.CloseNow() }()
	say := func(text string) {
		t.Helper()
		if err := talk.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, b, err := talk.Read(t.Context()); err != nil || string(b) != text {
			t.Fatalf("%q, %v", b, err)
		}
	}
	say("before")
	stop := loadFor(g, 4)
	for i := range 20 {
		text := fmt.Sprintf("%s\n# %d\n", good, i)
		broken := i%10 == 5
		if broken {
			text += "sanitize: { mode: sometimes }\n"
		}
		g.write("yett.yaml", text)
		change, err := g.Reload()
		switch {
		case broken && (err == nil || !strings.Contains(err.Error(), "yett.yaml:") || !strings.Contains(err.Error(), "sanitize.mode")):
			t.Errorf("a broken configuration: %v", err)
		case !broken && (err != nil || change.From == change.To):
			t.Errorf("reload %d: %+v, %v", i, change, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	asked, wrong := stop()
	if asked < 100 || len(wrong) > 0 {
		t.Errorf("%d of %d requests failed: %.3q", len(wrong), asked, wrong)
	}
	say("after")
}

func TestALimitKeepsItsCountOverAReload(t *testing.T) {
	g := before(t, echo, "    ratelimit: { requests: 5, per: 1h }\n")
	key := g.key()
	allowed := 0
	for i := range 8 {
		if res, _ := g.do("GET", "/pets/1", "", "X-API-Key", key); res.StatusCode == 200 {
			allowed++
		}
		if i == 3 {
			g.write("yett.yaml", g.read("yett.yaml")+"# changed\n")
			if _, err := g.Reload(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if allowed != 5 {
		t.Errorf("%d calls of 5 passed", allowed)
	}
}

func TestReloadsLeaveNothingBehind(t *testing.T) {
	const reloads = 200 // the acceptance takes 1,000 of the real binary
	g := before(t, echo, "")
	one := func() {
		t.Helper()
		g.write("yett.yaml", g.read("yett.yaml")+"#\n")
		if _, err := g.Reload(); err != nil {
			t.Fatal(err)
		}
		if res, _ := g.do("GET", "/open/x", ""); res.StatusCode != 200 {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	held := func() (uint64, int) {
		time.Sleep(50 * time.Millisecond) // what leaves a generation last closes it on its own
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	for range 20 {
		one()
	}
	memory, goroutines := held()
	for range reloads {
		one()
	}
	after, now := held()
	if after > memory+4<<20 || now > goroutines+5 {
		t.Errorf("%d reloads hold %d KiB and %d goroutines more", reloads, (int64(after)-int64(memory))>>10, now-goroutines)
	}
}
