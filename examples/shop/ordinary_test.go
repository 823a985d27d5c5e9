// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// pointer is a place in the description.
func pointer(names ...string) string {
	var p strings.Builder
	p.WriteString("#")
	for _, n := range names {
		p.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(n))
	}
	return p.String()
}

// exampleOf makes the request that the description's own examples of an operation add up to.
func exampleOf(t *testing.T, doc node, path, method string) (target, mediaType string, body []byte) {
	t.Helper()
	item := doc["paths"].(node)[path].(node)
	op := item[method].(node)
	shared, _ := item["parameters"].([]any)
	own, _ := op["parameters"].([]any)
	query := url.Values{}
	target = path
	for _, v := range append(append([]any{}, shared...), own...) {
		p := follow(t, doc, v.(node))
		example, ok := p["example"]
		switch {
		case !ok && p["required"] == true:
			t.Fatalf("%s %s: parameter %s has no example", method, path, p["name"])
		case !ok:
		case p["in"] == "path":
			target = strings.ReplaceAll(target, fmt.Sprintf("{%s}", p["name"]), fmt.Sprint(example))
		default:
			query.Set(p["name"].(string), fmt.Sprint(example))
		}
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	described, ok := op["requestBody"].(node)
	if !ok {
		return target, "", nil
	}
	for name, media := range described["content"].(node) {
		example, ok := media.(node)["example"].(node)
		if !ok {
			t.Fatalf("%s %s: the body has no example", method, path)
		}
		mediaType, body = encode(t, name, example)
	}
	return target, mediaType, body
}

func encode(t *testing.T, mediaType string, example node) (string, []byte) {
	t.Helper()
	switch mediaType {
	case "application/json":
		body, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		return mediaType, body
	case "application/x-www-form-urlencoded":
		form := url.Values{}
		for name, v := range example {
			form.Set(name, fmt.Sprint(v))
		}
		return mediaType, []byte(form.Encode())
	case "multipart/form-data":
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name, v := range example {
			part, err := form.CreatePart(textproto.MIMEHeader{
				"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, name, name+".csv")}, "Content-Type": {"text/csv"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprint(part, v); err != nil {
				t.Fatal(err)
			}
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		return form.FormDataContentType(), body.Bytes()
	}
	t.Fatalf("no test knows how to send %s", mediaType)
	return "", nil
}

// within reports whether an answer has all that an example has. No example is within every answer.
func within(t *testing.T, example, answer any) bool {
	t.Helper()
	switch example := example.(type) {
	case nil:
		return true
	case node:
		have, ok := answer.(node)
		for name, v := range example {
			ok = ok && within(t, v, have[name])
		}
		return ok
	case []any:
		have, ok := answer.([]any)
		ok = ok && len(have) == len(example)
		for i, v := range example {
			ok = ok && within(t, v, have[i])
		}
		return ok
	default:
		return fmt.Sprint(example) == fmt.Sprint(answer)
	}
}

// What the description promises of ordinary traffic is so: each example is answered well, and each answer fits.
func TestOrdinaryTrafficIsAsDescribed(t *testing.T) {
	doc, j := described(t), newJudge(t)
	for path, item := range doc["paths"].(node) {
		for method, op := range item.(node) {
			if method == "parameters" {
				continue
			}
			t.Run(fmt.Sprint(op.(node)["operationId"]), func(t *testing.T) {
				target, mediaType, body := exampleOf(t, doc, path, method)
				r := httptest.NewRequest(strings.ToUpper(method), target, bytes.NewReader(body))
				if mediaType != "" {
					r.Header.Set("Content-Type", mediaType)
				}
				w := httptest.NewRecorder()
				open(t, Options{}).Handler().ServeHTTP(w, r)
				status := fmt.Sprint(w.Code)
				response, ok := op.(node)["responses"].(node)[status].(node)
				if !ok || w.Code >= 300 {
					t.Fatalf("%s %s is answered %s: %s", method, target, status, w.Body)
				}
				if err := j.check(pointer("paths", path, method, "responses", status, "content", "application/json", "schema"), object(t, w)); err != nil {
					t.Errorf("%s %s: the answer does not fit: %v\n%s", method, target, err, w.Body)
				}
				if example := response["content"].(node)["application/json"].(node)["example"]; !within(t, example, object(t, w)) {
					t.Errorf("%s %s: the answer is not the example's, and more: %s", method, target, w.Body)
				}
			})
		}
	}
}

// All that the seeds hold fits the description, not only what the examples ask for.
func TestEverySeedIsAsDescribed(t *testing.T) {
	s, j := open(t, Options{}), newJudge(t)
	for _, tt := range []struct {
		path, schema string
		count        int
	}{
		{"/products/", "Product", seedProducts}, {"/customers/", "Customer", seedCustomers}, {"/orders/", "Order", seedOrders},
	} {
		for n := 1; n <= tt.count; n++ {
			target := fmt.Sprint(tt.path, n)
			if err := j.check(pointer("components", "schemas", tt.schema), object(t, fire(t, s, "GET "+target))); err != nil {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
	for offset := 0; offset < seedReviews; offset += 100 {
		page := object(t, fire(t, s, fmt.Sprintf("GET /reviews?limit=100&offset=%d", offset)))["reviews"].([]any)
		for _, review := range page {
			if err := j.check(pointer("components", "schemas", "Review"), review); err != nil {
				t.Error(err)
			}
		}
	}
}

// Ordinary mistakes are answered as the description says, so that a gateway has no reason to hide them.
func TestOrdinaryMistakesAreAsDescribed(t *testing.T) {
	s, j := open(t, Options{}), newJudge(t)
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"unknown product", "GET /products/999999", 404},
		{"unknown customer", "GET /customers/999999", 404},
		{"unknown order", "GET /orders/999999", 404},
		{"change of an unknown order", "PATCH /orders/999999\n\n{\"note\": \"late\"}", 404},
		{"payment of an unknown order", "POST /payments\n\n{\"order_id\": 999999, \"card_number\": \"4111111111111111\"}", 404},
		{"order that is no JSON", "POST /orders\n\n{", 400},
		{"payment that is no JSON", "POST /payments\n\n[", 400},
		{"change that is no JSON", "PATCH /orders/1\n\nnote", 400},
		{"import without a file", "POST /orders/import\nContent-Type: multipart/form-data; boundary=b\n\n--b--\r\n", 400},
		{"login of nobody", "POST /sessions\nContent-Type: application/x-www-form-urlencoded\n\nemail=nobody@example.org&password=x", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := fire(t, s, tt.request)
			if w.Code != tt.status {
				t.Fatalf("got %d %s, want %d", w.Code, w.Body, tt.status)
			}
			if err := j.check(pointer("components", "responses", "Refused", "content", "application/json", "schema"), object(t, w)); err != nil {
				t.Error(err)
			}
		})
	}
}
