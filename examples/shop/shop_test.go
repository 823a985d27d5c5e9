// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// open makes a shop for one test.
func open(t *testing.T, o Options) *Shop {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fire sends a request written as text: request line, header lines, an empty line, body.
func fire(t *testing.T, s *Shop, text string) *httptest.ResponseRecorder {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	line, fields, _ := strings.Cut(head, "\n")
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for field := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimSpace(field), ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// object reads a JSON answer.
func object(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		t.Fatalf("answer %d is not a JSON object: %v\n%s", w.Code, err, w.Body)
	}
	return o
}

func TestEveryShopStartsTheSame(t *testing.T) {
	one, other := open(t, Options{}), open(t, Options{File: filepath.Join(t.TempDir(), "shop.db")})
	for table, want := range map[string]int{
		"products": 50, "customers": 30, "orders": 200, "reviews": 1_000, "order_items": 401, "payments": 160, "sessions": 1,
	} {
		a, err := one.db.query("SELECT * FROM " + table + " ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		b, err := other.db.query("SELECT * FROM " + table + " ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		if len(a) != want {
			t.Errorf("%s: got %d rows, want %d", table, len(a), want)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two new shops differ", table)
		}
	}
}

func TestSeedsPassTheChecksThatRealOnesWould(t *testing.T) {
	cards := make(map[string]bool)
	for n := 1; n <= seedCustomers; n++ {
		card, iban := seedCard(n), seedIBAN(n)
		cards[card] = true
		sum := 0
		for i := range len(card) {
			d := int(card[len(card)-1-i]-'0') * (1 + i%2)
			sum += d/10 + d%10
		}
		if len(card) != 16 || sum%10 != 0 {
			t.Errorf("card %s has a wrong check digit", card)
		}
		rest := 0
		for _, c := range iban[4:] + "1314" + iban[2:4] {
			rest = (rest*10 + int(c-'0')) % 97
		}
		if len(iban) != 22 || rest != 1 {
			t.Errorf("IBAN %s has wrong check digits", iban)
		}
	}
	if len(cards) != seedCustomers {
		t.Errorf("%d customers share %d cards", seedCustomers, len(cards))
	}
	if seedCard(1) != "4111111111111111" {
		t.Errorf("customer 1 has card %s, not the one that everybody knows", seedCard(1))
	}
}

func TestAFileThatExistsIsNotTouched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.db")
	open(t, Options{File: file})
	if s, err := New(Options{File: file}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("New on a file in use: got %v, %v; want %v", s, err, fs.ErrExist)
	}
}

// The shop may be broken into as far as its own database goes, and no further.
func TestInjectedSQLReachesNoOtherFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{File: filepath.Join(dir, "shop.db")})
	for _, injected := range []string{
		"'; ATTACH DATABASE '" + dir + "/loot' AS loot; --",
		"'; VACUUM INTO '" + dir + "/loot'; --",
	} {
		_, err := s.db.query("SELECT * FROM products WHERE id = '" + injected + "'")
		if err == nil || !strings.Contains(err.Error(), "too many attached databases") {
			t.Errorf("%s: got error %v, want too many attached databases", injected, err)
		}
	}
	if found, err := filepath.Glob(filepath.Join(dir, "loot*")); err != nil || found != nil {
		t.Errorf("files appeared: %v, %v", found, err)
	}
}

func TestAnAnswerOfTooManyRowsIsAnError(t *testing.T) {
	s := open(t, Options{})
	_, err := s.db.query("SELECT 1 FROM reviews, products")
	if err == nil || !strings.Contains(err.Error(), "more than 20000 rows") {
		t.Errorf("50,000 rows: got error %v", err)
	}
	if w := fire(t, s, "GET /products/1"); w.Code != http.StatusOK {
		t.Errorf("after it the shop answers %d", w.Code)
	}
}

func TestManyMayCallAtOnce(t *testing.T) {
	s := open(t, Options{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				w := fire(t, s, "POST /orders\n\n{\"customer_id\": 2, \"items\": [{\"product_id\": 1, \"quantity\": 1}]}")
				if w.Code != http.StatusCreated {
					t.Errorf("POST /orders: %d %s", w.Code, w.Body)
				}
			}
		})
	}
	all.Wait()
	orders, err := s.db.query("SELECT * FROM orders")
	if err != nil || len(orders) != seedOrders+80 {
		t.Errorf("got %d orders and error %v, want %d", len(orders), err, seedOrders+80)
	}
}

func TestOnlyTheLogIsToldOfRequests(t *testing.T) {
	var log bytes.Buffer
	s := open(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	fire(t, s, "GET /products/1")
	lines := bufio.NewScanner(&log)
	if !lines.Scan() || !strings.Contains(lines.Text(), "url=/products/1") || lines.Scan() {
		t.Errorf("one request wrote %q", log.String())
	}
}
