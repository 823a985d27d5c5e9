// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import "net/http"

// routes is everything the shop answers, not only what it admits to.
func (s *Shop) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, a := range map[string]action{
		// The ten operations of shop.openapi.yaml.
		"GET /products":       s.listProducts,
		"GET /products/{id}":  s.getProduct,
		"POST /orders":        s.createOrder,
		"GET /orders/{id}":    s.getOrder,
		"PATCH /orders/{id}":  s.updateOrder,
		"POST /orders/import": s.importOrders,
		"GET /customers/{id}": s.getCustomer,
		"POST /payments":      s.createPayment,
		"GET /reviews":        s.listReviews,
		"POST /sessions":      s.createSession,

		// What nobody wrote down.
		"DELETE /orders/{id}":  s.deleteOrder,
		"GET /account":         s.account,
		"GET /v1/orders":       s.listOldOrders,
		"POST /v1/orders":      s.createOldOrder,
		"GET /debug/vars":      s.debugVars,
		"GET /internal/health": s.health,
	} {
		mux.HandleFunc(pattern, s.answering(a))
	}
	mux.HandleFunc("GET /admin", s.admin)
	return mux
}
