// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// readObject reads a JSON object of any size and any content type. Of members that come twice the last one wins.
func readObject(r *http.Request) (row, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "read body: %v", err)
	}
	var body row
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, refuse(http.StatusBadRequest, "not a JSON object: %v", err)
	}
	return body, nil
}

func (s *Shop) createOrder(r *http.Request) (answer, error) {
	body, err := readObject(r)
	if err != nil {
		return answer{}, err
	}
	return s.placeOrder(r, body)
}

// placeOrder books an order and believes all that stands in it.
func (s *Shop) placeOrder(r *http.Request, body row) (answer, error) {
	order := row{"status": "new", "currency": "EUR", "placed_at": time.Now().UTC().Format(time.RFC3339), "placed_from": r.RemoteAddr}
	var items []row
	var total, cost int64
	for _, v := range body["items"].([]any) {
		item := v.(map[string]any)
		products, err := s.db.query("SELECT * FROM products WHERE id = ?", item["product_id"])
		if err != nil {
			return answer{}, err
		}
		product := products[0]
		price, quantity := partnerOf(r).price(product), int64(item["quantity"].(float64))
		if own, ok := item["price"].(float64); ok {
			price = int64(own)
		}
		total += price * quantity
		cost += product["cost_price"].(int64) * quantity
		items = append(items, row{"product_id": product["id"], "quantity": quantity, "price": price, "cost_price": product["cost_price"]})
	}
	order["total"], order["cost_total"] = total, cost
	maps.Copy(order, body) // the flaw: mass assignment, the caller's word on total, status and all the rest wins

	// "Somebody clicked twice" is a common call to the help desk.
	var twice []row
	if note, _ := body["note"].(string); note != "" {
		// The flaw: SQL built from strings.
		query := fmt.Sprintf("SELECT * FROM orders WHERE customer_id = %v AND note = '%s'", body["customer_id"], note)
		var err error
		if twice, err = s.db.query(query); err != nil {
			return answer{}, err
		}
	}
	id, err := s.db.insert("orders", order)
	if err != nil {
		return answer{}, err
	}
	for _, item := range items {
		item["order_id"] = id
		if _, err := s.db.insert("order_items", item); err != nil {
			return answer{}, err
		}
	}
	// The checkout keeps the customer's own details fresh: the flaw again, "role" is such a detail.
	if err := s.db.update("customers", body["customer_id"], body); err != nil {
		return answer{}, err
	}
	return s.placed(id, twice)
}

// placed answers with a new order. A negative one is a return, and is paid out at once.
func (s *Shop) placed(id int64, twice []row) (answer, error) {
	order, err := s.order(id)
	if err != nil {
		return answer{}, err
	}
	if total, _ := order["total"].(int64); total < 0 {
		if _, err := s.db.query("UPDATE customers SET store_credit = store_credit - ? WHERE id = ?", total, order["customer_id"]); err != nil {
			return answer{}, err
		}
		order["paid_out"] = -total
	}
	if twice != nil {
		order["perhaps_the_same"] = twice
	}
	return answer{http.StatusCreated, order, map[string]string{"Location": fmt.Sprintf("/orders/%d", id)}}, nil
}

// order reads an order with its items, nil where there is none.
func (s *Shop) order(id any) (row, error) {
	found, err := s.db.query("SELECT * FROM orders WHERE id = ?", id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	order := found[0]
	items, err := s.db.query("SELECT * FROM order_items WHERE order_id = ?", order["id"])
	if err != nil {
		return nil, err
	}
	order["items"] = list(items)
	if text, _ := order["ship_to"].(string); json.Valid([]byte(text)) {
		order["ship_to"] = json.RawMessage(text)
	}
	maps.DeleteFunc(order, func(_ string, v any) bool { return v == nil })
	return order, nil
}

// existing reads the order that the path names, whoever asks.
func (s *Shop) existing(r *http.Request) (row, error) {
	order, err := s.order(r.PathValue("id"))
	if err == nil && order == nil {
		err = refuse(http.StatusNotFound, "no order %s", r.PathValue("id"))
	}
	return order, err
}

func (s *Shop) getOrder(r *http.Request) (answer, error) {
	order, err := s.existing(r)
	return answer{status: http.StatusOK, body: order}, err
}

func (s *Shop) updateOrder(r *http.Request) (answer, error) {
	body, err := readObject(r)
	if err != nil {
		return answer{}, err
	}
	if err := s.db.update("orders", r.PathValue("id"), body); err != nil { // the flaw: mass assignment
		return answer{}, err
	}
	return s.getOrder(r)
}

func (s *Shop) deleteOrder(r *http.Request) (answer, error) {
	order, err := s.existing(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := s.db.query("DELETE FROM orders WHERE id = ?", order["id"]); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: row{"deleted": order}}, nil
}

// importOrders takes a CSV file of customer_id, product_id and quantity, one order each line, read whole into memory.
func (s *Shop) importOrders(r *http.Request) (answer, error) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "file: %v", err)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "file: %v", err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "file: %v", err)
	}
	imported := 0
	for _, line := range lines[1:] {
		customer, product, quantity := cell(line, 0), cell(line, 1), cell(line, 2)
		item := map[string]any{"product_id": product, "quantity": quantity}
		if _, err := s.placeOrder(r, row{"customer_id": customer, "items": []any{item}}); err != nil {
			return answer{}, err
		}
		imported++
	}
	return answer{status: http.StatusOK, body: row{"imported": imported, "bytes": len(text)}}, nil
}

func cell(line []string, n int) float64 {
	f, err := strconv.ParseFloat(line[n], 64)
	if err != nil {
		panic(err)
	}
	return f
}
