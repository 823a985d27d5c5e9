// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An order of three breadboards at 20.00, to be varied.
const plainOrder = `{"customer_id": 7, "items": [{"product_id": 1, "quantity": 3}]}`

// Every flaw of the shop is here, and works: a demonstration against a flaw that is none would prove nothing.
// Each row also names what the same call without the attack must not answer.
func TestFlawsThatOneRequestShows(t *testing.T) {
	for _, tt := range []struct {
		name, attack string
		status       int
		tells        []string // regular expressions over header and body
		harmless     string   // a like request that tells none of it
	}{
		{
			name: "a quote mark as product id shows the query and the stack", attack: "GET /products/%27", status: 500,
			tells: []string{`SELECT \* FROM products WHERE id = '''`, `unrecognized token`, `goroutine \d+ `, `products\.go:\d+`}, harmless: "GET /products/1",
		},
		{
			name: "a product that does not exist panics, stack and all", attack: "POST /orders\n\n" + strings.Replace(plainOrder, `_id": 1`, `_id": 99999`, 1), status: 500,
			tells: []string{`panic: runtime error: index out of range`, `goroutine \d+ `, `orders\.go:\d+`}, harmless: "POST /orders\n\n" + plainOrder,
		},
		{
			name: "SQL in the product id reads the customers", status: 200,
			attack: "GET /products/0%27%20UNION%20SELECT%20id,email,name,country,password_hash,0,card_number,1,1,1,1%20FROM%20customers--%20",
			tells:  []string{`"currency":"4111111111111111"`, `"description":"[0-9a-f]{32}"`}, harmless: "GET /products/1",
		},
		{
			name: "an order names its own total", attack: "POST /orders\n\n" + strings.Replace(plainOrder, "{", `{"total": 1, `, 1), status: 201,
			tells: []string{`"total":1}`}, harmless: "POST /orders\n\n" + plainOrder,
		},
		{
			name: "an order names the price of an item", attack: "POST /orders\n\n" + strings.Replace(plainOrder, `"quantity"`, `"price": 1, "quantity"`, 1), status: 201,
			tells: []string{`"total":3}`, `"price":1,`}, harmless: "POST /orders\n\n" + plainOrder,
		},
		{
			name: "an order declares itself paid", attack: "POST /orders\n\n" + strings.Replace(plainOrder, "{", `{"status": "paid", `, 1), status: 201,
			tells: []string{`"status":"paid"`}, harmless: "POST /orders\n\n" + plainOrder,
		},
		{
			name: "a change of an order reaches the total", attack: "PATCH /orders/1\n\n" + `{"total": 1}`, status: 200,
			tells: []string{`"total":1}`}, harmless: "PATCH /orders/1\n\n" + `{"note": "ring twice"}`,
		},
		{
			name: "of members that come twice the last one counts", attack: "POST /orders\n\n" + strings.Replace(plainOrder, `"quantity"`, `"quantity": 1, "quantity"`, 1), status: 201,
			tells: []string{`"quantity":3\}`, `"total":6000`}, harmless: "POST /orders\n\n" + strings.Replace(plainOrder, `"quantity": 3`, `"quantity": 1`, 1),
		},
		{
			name: "JSON comes in as any content type", attack: "POST /orders\nContent-Type: text/plain\n\n" + plainOrder, status: 201,
			tells: []string{`"total":6000`}, harmless: "GET /orders/1",
		},
		{
			name: "a customer comes with card and password", attack: "GET /customers/1", status: 200,
			tells: []string{`"card_number":"4111111111111111"`, `"card_cvc":"037"`, `"password_hash":"[0-9a-f]{32}"`}, harmless: "GET /products/1",
		},
		{
			name: "a product tells what it cost and who delivers it", attack: "GET /products/1", status: 200,
			tells: []string{`"cost_price":1100`, `"supplier":"Felder & Daughters"`}, harmless: "GET /orders/999",
		},
		{
			name: "an order of a stranger is read without any credential", attack: "GET /orders/1", status: 200,
			tells: []string{`"ship_to":\{[^}]*"street":"Mill Lane 8"`, `"staff_note":"margin `}, harmless: "GET /orders/999",
		},
		{
			name: "the key of a former partner still buys at a discount", attack: "GET /products/1\nX-API-Key: pk_nordwind_2019", status: 200,
			tells: []string{`X-Partner: Nordwind Handel; contract ends 2021-06-30`, `"price":1200`}, harmless: "GET /products/1\nX-API-Key: pk_unknown",
		},
		{
			name: "a token without signature is believed", attack: "GET /orders/1\nAuthorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", status: 200,
			tells: []string{`X-Signed-In: admin`}, harmless: "GET /orders/1\nAuthorization: Bearer nothing",
		},
		{
			name: "the debug endpoint tells the settings", attack: "GET /debug/vars", status: 200,
			tells: []string{`"memstats":\{"Alloc":\d+`, `"payment_provider_key":"not-a-real-key-4c1f"`, `pk_nordwind_2019`}, harmless: "GET /debug/other",
		},
		{
			name: "the health endpoint tells the house", attack: "GET /internal/health", status: 200,
			tells: []string{`amqp://10\.0\.3\.7`, `"go":"go1\.`}, harmless: "GET /internal/other",
		},
		{
			name: "X-Forwarded-For opens the back office", attack: "GET /admin\nX-Forwarded-For: 10.0.0.1", status: 200,
			tells: []string{`<h1>Back office</h1>`, `4111111111111111`}, harmless: "GET /admin",
		},
		{
			name: "the session of the administrator is guessed", attack: "GET /account\nCookie: session=1001", status: 200,
			tells: []string{`"email":"anna\.adler@example\.org"`, `"role":"admin"`}, harmless: "GET /account\nCookie: session=999",
		},
		{
			name: "the guessed session opens the back office", attack: "GET /admin\nCookie: session=1001", status: 200,
			tells: []string{`<h1>Back office</h1>`}, harmless: "GET /admin",
		},
		{
			name: "a foreign page may read, cookies included", attack: "GET /account\nOrigin: https://evil.example\nCookie: session=1001", status: 200,
			tells:    []string{`Access-Control-Allow-Origin: https://evil\.example`, `Access-Control-Allow-Credentials: true`},
			harmless: "GET /account\nCookie: session=1001",
		},
		{
			name: "a preflight is granted whatever it asks for", status: 204,
			attack: "OPTIONS /orders/1\nOrigin: null\nAccess-Control-Request-Method: DELETE\nAccess-Control-Request-Headers: X-Anything",
			tells:  []string{`Allow-Origin: null`, `Allow-Methods: DELETE`, `Allow-Headers: X-Anything`}, harmless: "OPTIONS /orders/1",
		},
		{
			name: "an override makes a reading request delete", attack: "GET /orders/1\nX-HTTP-Method-Override: DELETE", status: 200,
			tells: []string{`"deleted":\{.*"id":1,`}, harmless: "GET /orders/1",
		},
		{
			name: "the old order call trusts the price", attack: "POST /v1/orders\n\n" + `{"customer_id": 7, "product_id": 1, "quantity": 1, "price": 1}`, status: 201,
			tells: []string{`"total":1}`}, harmless: "POST /orders\n\n" + plainOrder,
		},
		{
			name: "the old order list shows all to all", attack: "GET /v1/orders", status: 200,
			tells: []string{`"id":1,`, `"id":200,`, `"staff_note"`}, harmless: "GET /v2/orders",
		},
		{
			name: "the login tells which addresses have an account", attack: "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail=anna.adler@example.org&password=x", status: 401,
			tells: []string{`is wrong for anna\.adler@example\.org`}, harmless: "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail=nobody@example.org&password=x",
		},
		{
			name: "a payment of one cent pays for the order, and gives the card back", status: 201,
			attack: "POST /payments\n\n" + `{"order_id": 5, "amount": 1, "currency": "EUR", "card_number": "4111111111111111", "card_expiry": "02/29"}`,
			tells:  []string{`"amount":1,`, `"status":"captured"`, `"card_number":"4111111111111111"`}, harmless: "GET /orders/5",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := fire(t, open(t, Options{}), tt.attack)
			if w.Code != tt.status {
				t.Fatalf("got %d %s, want %d", w.Code, w.Body, tt.status)
			}
			got, plain := whole(t, w), whole(t, fire(t, open(t, Options{}), tt.harmless))
			for _, tell := range tt.tells {
				re := regexp.MustCompile(tell)
				if !re.MatchString(got) {
					t.Errorf("the attack does not tell %s:\n%s", tell, got)
				}
				if re.MatchString(plain) {
					t.Errorf("%s without any attack tells %s too:\n%s", tt.harmless, tell, plain)
				}
			}
		})
	}
}

// whole is an answer's header and body.
func whole(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var text bytes.Buffer
	if err := w.Result().Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestTheReviewSearchHasNoLimits(t *testing.T) {
	s := open(t, Options{})
	for _, tt := range []struct {
		name, query string
		want        int
	}{
		{"a search gives a page", "q=present", 20},
		{"SQL in the search gives all, those held back too", "q=%27%20OR%201=1%20--%20", seedReviews},
		{"a page is as long as the caller likes", "limit=1000000", seedReviews * 9 / 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := len(object(t, fire(t, s, "GET /reviews?"+tt.query))["reviews"].([]any)); n != tt.want {
				t.Errorf("got %d reviews, want %d", n, tt.want)
			}
		})
	}
}

func TestSQLInAnOrdersNoteReadsTheOrdersOfAll(t *testing.T) {
	order := func(s *Shop, note string) []any {
		t.Helper()
		made := object(t, fire(t, s, "POST /orders\n\n"+strings.Replace(plainOrder, "{", fmt.Sprintf(`{"note": %q, `, note), 1)))
		if made["note"] != note {
			t.Errorf("note %q is booked as %v", note, made["note"])
		}
		twice, _ := made["perhaps_the_same"].([]any)
		return twice
	}
	s := open(t, Options{})
	if n := len(order(s, "' OR 1=1 -- ")); n != seedOrders {
		t.Errorf("SQL in the note gives %d orders, want all %d", n, seedOrders)
	}
	if n := len(order(s, "ring twice")); n != 0 {
		t.Errorf("an ordinary note gives %d orders, want none", n)
	}
	if n := len(order(s, "ring twice")); n != 1 {
		t.Errorf("the same order again gives %d orders, want 1", n)
	}
}

func TestACustomerComesWith23Fields(t *testing.T) {
	customer := object(t, fire(t, open(t, Options{}), "GET /customers/1"))
	declared := described(t)["components"].(node)["schemas"].(node)["Customer"].(node)["properties"].(node)
	if len(customer) != 23 || len(declared) != 7 {
		t.Errorf("%d fields of which %d are declared, want 23 and 7", len(customer), len(declared))
	}
}

func TestANegativeQuantityPaysOut(t *testing.T) {
	s := open(t, Options{})
	order := object(t, fire(t, s, "POST /orders\n\n"+strings.Replace(plainOrder, ": 3", ": -3", 1)))
	if order["total"] != -6000.0 || order["paid_out"] != 6000.0 {
		t.Errorf("three pieces less cost %v and pay out %v, want -6000 and 6000", order["total"], order["paid_out"])
	}
	if credit := object(t, fire(t, s, "GET /customers/7"))["store_credit"]; credit != 6000.0 {
		t.Errorf("the customer has a credit of %v, want 6000", credit)
	}
}

func TestAnOrderMakesItsCustomerAnAdministrator(t *testing.T) {
	s := open(t, Options{})
	login := fire(t, s, "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail=carla.conti@example.org&password=123456")
	cookie := strings.TrimSuffix(login.Header().Get("Set-Cookie"), "; Path=/")
	if w := fire(t, s, "GET /admin\nCookie: "+cookie); w.Code != http.StatusForbidden {
		t.Fatalf("before: a customer gets %d in the back office", w.Code)
	}
	fire(t, s, "POST /orders\n\n"+`{"customer_id": 3, "role": "admin", "items": [{"product_id": 1, "quantity": 1}]}`)
	if w := fire(t, s, "GET /admin\nCookie: "+cookie); w.Code != http.StatusOK {
		t.Errorf("after: %d in the back office, want 200", w.Code)
	}
}

func TestSessionsAreNumbered(t *testing.T) {
	s := open(t, Options{})
	for n := 1; n <= 3; n++ {
		w := fire(t, s, "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail=carla.conti@example.org&password=123456")
		if got, want := object(t, w)["token"], fmt.Sprint(firstSession+n); got != want {
			t.Errorf("session %d has token %v, want %s", n, got, want)
		}
	}
}

func TestALoginMayBeTriedForEver(t *testing.T) {
	s := open(t, Options{})
	for range 500 {
		w := fire(t, s, "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail=anna.adler@example.org&password=guess")
		if w.Code != http.StatusUnauthorized {
			t.Fatalf("got %d", w.Code)
		}
	}
}

func TestStolenPasswordsTakeSixAccounts(t *testing.T) {
	s, taken := open(t, Options{}), 0
	for n := 1; n <= seedCustomers; n++ {
		for _, password := range stolen {
			w := fire(t, s, "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail="+seedEmail(n)+"&password="+password)
			if w.Code == http.StatusCreated {
				taken++
			}
		}
	}
	if taken != 6 {
		t.Errorf("got %d accounts, want 6", taken)
	}
}

func TestUploadsHaveNoLimit(t *testing.T) {
	s := open(t, Options{})
	file := "customer_id,product_id,quantity\n7,1," + strings.Repeat("0", 9_000_000) + "1\n"
	w := fire(t, s, "POST /orders/import\nContent-Type: multipart/form-data; boundary=b\n\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.csv\"\r\n\r\n"+file+"\r\n--b--\r\n")
	if got := object(t, w)["bytes"]; got != float64(len(file)) {
		t.Errorf("of %d bytes the shop read %v", len(file), got)
	}
}

func TestACopyOfTheDatabaseFileTellsAllCards(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.db")
	s := open(t, Options{File: file})
	fire(t, s, "POST /payments\n\n"+`{"order_id": 5, "amount": 100, "currency": "EUR", "card_number": "5555555555554444", "card_expiry": "02/29"}`)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("5555555555554444")) {
		t.Error("the new card is not in the file")
	}
	readable := regexp.MustCompile(`4111111\d{9}`).FindAllString(string(text), -1)
	if want := seedCustomers + 160; len(readable) < want {
		t.Errorf("%d seeded card numbers are readable, want %d or more", len(readable), want)
	}
	for n := 1; n <= seedCustomers; n++ {
		if !slices.Contains(readable, seedCard(n)) {
			t.Errorf("the card of customer %d is not readable", n)
		}
	}
}

func TestEveryAnswerHasItsBanner(t *testing.T) {
	s := open(t, Options{})
	for _, request := range []string{"GET /products", "GET /nowhere", "GET /products/%27"} {
		h := fire(t, s, request).Header()
		if !strings.Contains(h.Get("Server"), "careless-shop/2.4.1 (go1.") || h.Get("X-Powered-By") == "" {
			t.Errorf("%s: Server %q, X-Powered-By %q", request, h.Get("Server"), h.Get("X-Powered-By"))
		}
	}
}
