// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"fmt"
	"net/http"
	"strconv"
)

// getCustomer shows any customer to anybody, with every column there is.
func (s *Shop) getCustomer(r *http.Request) (answer, error) {
	found, err := s.db.query("SELECT * FROM customers WHERE id = ?", r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 {
		return answer{}, refuse(http.StatusNotFound, "no customer %s", r.PathValue("id"))
	}
	return answer{status: http.StatusOK, body: found[0]}, nil
}

// createSession is the login. It may be tried as often as one likes and says which half was wrong.
func (s *Shop) createSession(r *http.Request) (answer, error) {
	email, password := r.PostFormValue("email"), r.PostFormValue("password")
	found, err := s.db.query("SELECT * FROM customers WHERE email = ?", email)
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 {
		return answer{}, refuse(http.StatusUnauthorized, "there is no account for %s", email)
	}
	if found[0]["password_hash"] != passwordHash(password) {
		return answer{}, refuse(http.StatusUnauthorized, "the password %q is wrong for %s", password, email)
	}
	id, err := s.db.insert("sessions", row{"customer_id": found[0]["id"]})
	if err != nil {
		return answer{}, err
	}
	return answer{
		http.StatusCreated, row{"token": strconv.FormatInt(id, 10), "customer_id": found[0]["id"]},
		map[string]string{"Set-Cookie": fmt.Sprintf("session=%d; Path=/", id)},
	}, nil
}

// visitor is the customer whose session the cookie names, nil without one. Sessions are numbered and never end.
func (s *Shop) visitor(r *http.Request) (row, error) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return nil, nil // no cookie, no visitor
	}
	found, err := s.db.query("SELECT c.* FROM sessions s JOIN customers c ON c.id = s.customer_id WHERE s.id = ?", cookie.Value)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (s *Shop) account(r *http.Request) (answer, error) {
	customer, err := s.visitor(r)
	if err == nil && customer == nil {
		err = refuse(http.StatusUnauthorized, "no such session")
	}
	return answer{status: http.StatusOK, body: customer}, err
}
