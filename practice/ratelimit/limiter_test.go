// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yett/exchange"
	"yett/identity"
	"yett/store"
	"yett/store/memory"
)

// A clock is set by tests.
type clock struct{ at atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(1_800_000_000, c.at.Load()) }

func counters() (store.Counters, *clock) {
	c := new(clock)
	return memory.New(memory.Options{Now: c.Now}), c
}

func perMinute(caller, address int64) Config {
	return Config{Requests: caller, Per: time.Minute, Address: Rate{Requests: address, Per: time.Minute}}
}

// ask sends one request from peer through steps and the limits' own fields.
func ask(peer string, caller *identity.Caller, steps ...exchange.Step) *httptest.ResponseRecorder {
	c := &exchange.Chain{Header: []func(*exchange.Exchange){Header}}
	c.Request = append(c.Request, exchange.Link{Step: func(x *exchange.Exchange) error { x.Caller = caller; return nil }})
	for _, s := range steps {
		c.Request = append(c.Request, exchange.Link{Step: s})
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer
	w := httptest.NewRecorder()
	c.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("RateLimit", `"upstream";r=1;t=1`)
		w.Header().Set("RateLimit-Policy", `"upstream";q=1;w=1`)
	})).ServeHTTP(w, r)
	return w
}

func client(name string) *identity.Caller {
	return &identity.Caller{Client: name, Subject: name, Issuer: "yett"}
}

func TestWhatSharesALimit(t *testing.T) {
	type call struct {
		peer   string
		caller *identity.Caller
	}
	for _, tt := range []struct {
		name          string
		first, second call
		byAddress     bool
		shared        bool
	}{
		{"one address", call{"192.0.2.1:1", nil}, call{"192.0.2.1:2", nil}, true, true},
		{"two addresses of IPv4", call{"192.0.2.1:1", nil}, call{"192.0.2.2:1", nil}, true, false},
		{"an address in IPv6 clothes", call{"192.0.2.1:1", nil}, call{"[::ffff:192.0.2.1]:1", nil}, true, true},
		{"one /64 of IPv6", call{"[2001:db8::1]:1", nil}, call{"[2001:db8::ffff:1]:1", nil}, true, true},
		{"two /64 of IPv6", call{"[2001:db8::1]:1", nil}, call{"[2001:db8:0:1::1]:1", nil}, true, false},
		{"the same client from two addresses", call{"192.0.2.1:1", client("a")}, call{"192.0.2.2:1", client("a")}, false, true},
		{"two keys of one client", call{"192.0.2.1:1", &identity.Caller{Client: "a", Key: "k1"}}, call{"192.0.2.1:1", &identity.Caller{Client: "a", Key: "k2"}}, false, true},
		{"two clients behind one address", call{"192.0.2.1:1", client("a")}, call{"192.0.2.1:1", client("b")}, false, false},
		{"two users of one client", call{"192.0.2.1:1", &identity.Caller{Client: "a", Subject: "x"}}, call{"192.0.2.1:1", &identity.Caller{Client: "a", Subject: "y"}}, false, false},
		{"nobody, twice from one address", call{"192.0.2.1:1", nil}, call{"192.0.2.1:2", nil}, false, true},
		{"nobody and somebody behind one address", call{"192.0.2.1:1", nil}, call{"192.0.2.1:1", client("a")}, false, false},
		{"a client whose name is that of an address", call{"192.0.2.1:1", nil}, call{"192.0.2.2:1", &identity.Caller{Client: "192.0.2.1"}}, false, false},
		{"names that are the same when put together", call{"192.0.2.1:1", &identity.Caller{Client: "a/b", Subject: "c"}}, call{"192.0.2.1:1", &identity.Caller{Client: "a", Subject: "b/c"}}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := counters()
			l := New(perMinute(1, 1), Options{Counters: c})
			step := l.ByCaller
			if tt.byAddress {
				step = l.ByAddress
			}
			if w := ask(tt.first.peer, tt.first.caller, step); w.Code != 200 {
				t.Fatalf("the first got %d", w.Code)
			}
			if w := ask(tt.second.peer, tt.second.caller, step); (w.Code == 429) != tt.shared {
				t.Errorf("the second got %d, shared %v", w.Code, tt.shared)
			}
		})
	}
}

func TestRefusalsSayWhenToComeAgain(t *testing.T) {
	c, now := counters()
	l := New(perMinute(20, 100), Options{Counters: c})
	for i := range 20 {
		if w := ask("192.0.2.1:1", nil, l.ByCaller); w.Code != 200 {
			t.Fatalf("request %d got %d", i+1, w.Code)
		}
	}
	w := ask("192.0.2.1:1", nil, l.ByCaller)
	if w.Code != 429 || !strings.Contains(w.Body.String(), `"code":"rate_limited"`) || w.Header().Get("Retry-After") != "3" {
		t.Errorf("got %d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	if got := w.Header().Get("RateLimit"); got != `"caller";r=0;t=60` {
		t.Errorf("RateLimit: %s", got)
	}
	now.at.Add(int64(3*time.Second - 1))
	if w := ask("192.0.2.1:1", nil, l.ByCaller); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("a moment too early: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	now.at.Add(1)
	if w := ask("192.0.2.1:1", nil, l.ByCaller); w.Code != 200 {
		t.Errorf("in time: %d", w.Code)
	}
}

func TestAnswersTellTheTightestLimit(t *testing.T) {
	c, _ := counters()
	l := New(perMinute(10, 100), Options{Counters: c})
	w := ask("192.0.2.1:1", client("a"), l.ByAddress, l.ByCaller)
	if got := w.Header().Get("RateLimit") + ", " + w.Header().Get("RateLimit-Policy"); got != `"caller";r=9;t=6, "caller";q=10;w=60` {
		t.Errorf("got %s", got)
	}
	for range 96 {
		ask("192.0.2.1:1", nil, l.ByAddress)
	}
	w = ask("192.0.2.1:1", client("b"), l.ByAddress, l.ByCaller)
	if got := w.Header().Get("RateLimit"); !strings.HasPrefix(got, `"address";r=2;`) {
		t.Errorf("got %s", got)
	}
	if w := ask("192.0.2.1:1", nil); w.Header().Get("RateLimit") != "" || w.Header().Get("RateLimit-Policy") != "" {
		t.Errorf("without a limit the upstream's own fields pass: %v", w.Header())
	}
}

func TestLimitsOfTheirOwnCountOnTheirOwn(t *testing.T) {
	c, _ := counters()
	all := New(perMinute(100, 100), Options{Counters: c})
	login := New(perMinute(2, 100), Options{Counters: c, Scope: "shop/login"})
	other := New(perMinute(2, 100), Options{Counters: c, Scope: "shop/other"})
	strict := New(perMinute(1, 100), Options{Counters: c}) // another API, with a limit of its own
	for _, tt := range []struct {
		name   string
		l      *Limiter
		status int
	}{
		{"the first login", login, 200}, {"the second login", login, 200}, {"the third login", login, 429},
		{"another operation of the same limit", other, 200},
		{"an API with a stricter limit", strict, 200}, {"and once more", strict, 429},
		{"everything else", all, 200},
		{"everything else, after the stricter limit was used up", all, 200},
	} {
		if w := ask("192.0.2.1:1", client("a"), tt.l.ByCaller); w.Code != tt.status {
			t.Errorf("%s got %d, want %d", tt.name, w.Code, tt.status)
		}
	}
	again := New(perMinute(2, 100), Options{Counters: c, Scope: "shop/login"}) // after a reload
	if w := ask("192.0.2.1:1", client("a"), again.ByCaller); w.Code != 429 {
		t.Errorf("a reload gave %d", w.Code)
	}
}

func TestNoRaceAdmitsMoreThanTheLimit(t *testing.T) {
	c, _ := counters()
	l := New(perMinute(50, 100), Options{Counters: c})
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				if ask("192.0.2.1:1", client("a"), l.ByCaller).Code == 200 {
					admitted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if admitted.Load() != 50 {
		t.Errorf("%d admitted, want 50", admitted.Load())
	}
}

// broken are counters that cannot be asked.
type broken struct{ store.Counters }

func (broken) Take(context.Context, string, store.Rate, int64) (store.Taken, error) {
	return store.Taken{}, errors.New("out of reach")
}

func TestWhatCannotBeCountedDoesNotPass(t *testing.T) {
	l := New(perMinute(10, 10), Options{Counters: broken{}})
	for name, step := range map[string]exchange.Step{"caller": l.ByCaller, "address": l.ByAddress} {
		if w := ask("192.0.2.1:1", nil, step); w.Code != 503 || !strings.Contains(w.Body.String(), `"code":"cannot_decide"`) || strings.Contains(w.Body.String(), "reach") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if w := ask("@", nil, step); w.Code != 403 || !strings.Contains(w.Body.String(), `"code":"address_unreadable"`) {
			t.Errorf("%s without an address: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestConfigurations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // in the error; "" is well
	}{
		{"the defaults are well", func(*Config) {}, ""},
		{"nobody admitted", func(c *Config) { c.Requests = 0 }, "requests:"},
		{"a time of nothing", func(c *Config) { c.Per = 0 }, "per:"},
		{"a time too short", func(c *Config) { c.Per = time.Millisecond }, "per:"},
		{"a time too long", func(c *Config) { c.Per = 1<<63 - 1 }, "requests:"},
		{"no address admitted", func(c *Config) { c.Address.Requests = -1 }, "address.requests:"},
		{"an address without a time", func(c *Config) { c.Address.Per = 0 }, "address.per:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Defaults()
			tt.change(&c)
			if err := c.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// BenchmarkByCaller takes one request from a caller, and writes the fields that tell it.
func BenchmarkByCaller(b *testing.B) {
	c, _ := counters()
	l := New(Config{Requests: 1 << 40, Per: time.Hour, Address: Rate{Requests: 1, Per: time.Hour}}, Options{Counters: c})
	for name, caller := range map[string]*identity.Caller{"client": client("partner-nord"), "address": nil} {
		b.Run(name, func(b *testing.B) {
			w := ask("192.0.2.1:1", caller, func(x *exchange.Exchange) error {
				b.ReportAllocs()
				for b.Loop() {
					x.Quotas = x.Quotas[:0]
					if err := l.ByCaller(x); err != nil {
						return err
					}
					Header(x)
				}
				return nil
			})
			if w.Code != 200 {
				b.Fatal(w.Code, w.Body)
			}
		})
	}
}
