// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"net/http"
	"strconv"
)

func (s *Shop) listProducts(r *http.Request) (answer, error) {
	query, args := "SELECT * FROM products", []any{}
	if c := r.FormValue("category"); c != "" {
		query, args = query+" WHERE category = ?", append(args, c)
	}
	products, err := s.db.query(query+" LIMIT ? OFFSET ?", append(args, number(r, "limit", 20), number(r, "offset", 0))...)
	if err != nil {
		return answer{}, err
	}
	for _, p := range products {
		p["price"] = partnerOf(r).price(p)
	}
	return answer{status: http.StatusOK, body: row{"products": list(products)}}, nil
}

func (s *Shop) getProduct(r *http.Request) (answer, error) {
	found, err := s.db.query("SELECT * FROM products WHERE id = '" + r.PathValue("id") + "'") // the flaw: SQL built from strings
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 {
		return answer{}, refuse(http.StatusNotFound, "no product %s", r.PathValue("id"))
	}
	found[0]["price"] = partnerOf(r).price(found[0])
	return answer{status: http.StatusOK, body: found[0]}, nil
}

func (s *Shop) listReviews(r *http.Request) (answer, error) {
	query := "SELECT * FROM reviews WHERE published = 1"
	if p := number(r, "product_id", 0); p != 0 {
		query += " AND product_id = " + strconv.Itoa(p)
	}
	query += " AND text LIKE '%" + r.FormValue("q") + "%'" // the flaw: SQL built from strings
	query += " LIMIT " + strconv.Itoa(number(r, "limit", 20)) + " OFFSET " + strconv.Itoa(number(r, "offset", 0))
	reviews, err := s.db.query(query)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: row{"reviews": list(reviews)}}, nil
}

// number reads a query parameter, however large. What is no number counts as absent.
func number(r *http.Request, name string, absent int) int {
	n, err := strconv.Atoi(r.FormValue(name))
	if err != nil {
		return absent
	}
	return n
}

// list makes an empty list an empty JSON array.
func list(rows []row) []row {
	if rows == nil {
		return []row{}
	}
	return rows
}
