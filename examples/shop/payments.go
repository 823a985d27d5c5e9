// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"fmt"
	"maps"
	"net/http"
	"time"
)

// createPayment keeps the whole card, in clear, and calls the order paid whatever the amount.
func (s *Shop) createPayment(r *http.Request) (answer, error) {
	body, err := readObject(r)
	if err != nil {
		return answer{}, err
	}
	order, err := s.order(body["order_id"])
	if err != nil {
		return answer{}, err
	}
	if order == nil {
		return answer{}, refuse(http.StatusNotFound, "no order %v", body["order_id"])
	}
	card := body["card_number"].(string)
	payment := row{
		"status": "captured", "card_last4": card[len(card)-4:],
		"provider_reference": fmt.Sprintf("prov-%06d", time.Now().Unix()%1_000_000),
	}
	maps.Copy(payment, body) // the flaw: mass assignment
	id, err := s.db.insert("payments", payment)
	if err != nil {
		return answer{}, err
	}
	if err := s.db.update("orders", order["id"], row{"status": "paid"}); err != nil {
		return answer{}, err
	}
	made, err := s.db.query("SELECT * FROM payments WHERE id = ?", id)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: made[0]}, nil
}
