// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"yett/practice"
	"yett/problem"
)

// Routes are the calls of the admin API:
//
//	POST   /users                   {name, client, scopes, password}; 201, the User
//	GET    /users                   {users}
//	POST   /users/{name}/password   {password}; 204
//	POST   /users/{name}/disable    204
//	POST   /users/{name}/enable     204
//	DELETE /users/{name}            204
func (u *Users) Routes() []practice.Route {
	return []practice.Route{
		{Pattern: "POST /users", Handler: u.answer(u.postUser)},
		{Pattern: "GET /users", Handler: u.answer(u.getUsers)},
		{Pattern: "POST /users/{name}/password", Handler: u.answer(u.postPassword)},
		{Pattern: "POST /users/{name}/disable", Handler: u.answer(u.postDisable)},
		{Pattern: "POST /users/{name}/enable", Handler: u.answer(u.postEnable)},
		{Pattern: "DELETE /users/{name}", Handler: u.answer(u.deleteUser)},
	}
}

const maxBody = 64 << 10

// read decodes a JSON body: one value, no unknown or repeated member. Its errors tell nothing of the body, which holds a
// password.
func read(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "The body is not what belongs here."}
	}
	return nil
}

func (u *Users) postUser(r *http.Request) (int, any, error) {
	var in struct {
		Name     string   `json:"name"`
		Client   string   `json:"client"`
		Scopes   []string `json:"scopes"`
		Password string   `json:"password"`
	}
	if err := read(r, &in); err != nil {
		return 0, nil, err
	}
	practice.ActionOf(r.Context()).Person = in.Name
	user, err := u.Create(r.Context(), User{Name: in.Name, Client: in.Client, Scopes: in.Scopes}, in.Password)
	return http.StatusCreated, user, err
}

func (u *Users) getUsers(r *http.Request) (int, any, error) {
	out := struct {
		Users []User `json:"users"`
	}{Users: []User{}}
	all, err := u.List(r.Context())
	out.Users = append(out.Users, all...)
	return http.StatusOK, out, err
}

func (u *Users) postPassword(r *http.Request) (int, any, error) {
	var in struct {
		Password string `json:"password"`
	}
	if err := read(r, &in); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, u.SetPassword(r.Context(), r.PathValue("name"), in.Password)
}

func (u *Users) postDisable(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, u.Disable(r.Context(), r.PathValue("name"), true)
}

func (u *Users) postEnable(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, u.Disable(r.Context(), r.PathValue("name"), false)
}

func (u *Users) deleteUser(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, u.Remove(r.Context(), r.PathValue("name"))
}

// answer serves f: what it returns as JSON, or its error as a problem.
func (u *Users) answer(f func(*http.Request) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, v, err := f(r)
		var body []byte
		if err == nil && v != nil {
			body, err = json.Marshal(v)
		}
		if err != nil {
			u.fail(w, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if v == nil {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(body, '\n')) // the caller is gone: nobody is left to tell
	})
}

func (u *Users) fail(w http.ResponseWriter, err error) {
	p := problem.From(err)
	if e, ok := errors.AsType[*FieldError](err); ok {
		p = &problem.Error{Status: http.StatusUnprocessableEntity, Code: "body_invalid", Detail: "The request does not fit.",
			Errors: []problem.Item{{Pointer: "/" + e.Field, Detail: e.Problem}}, Cause: err}
	}
	switch {
	case errors.Is(err, ErrNoUser):
		p = &problem.Error{Status: http.StatusNotFound, Code: "unknown_user", Detail: "There is no such user.", Cause: err}
	case errors.Is(err, ErrTaken):
		p = &problem.Error{Status: http.StatusConflict, Code: "user_exists", Detail: "There is a user of that name.", Cause: err}
	case errors.Is(err, errBusy):
		p = &problem.Error{Status: http.StatusServiceUnavailable, Code: "busy", Detail: "Too many passwords are being checked at once.", Cause: err}
	}
	instance := "urn:uuid:" + uuid.NewString()
	if p.Status >= 500 {
		u.log.Error("admin call failed", "instance", instance, "err", err)
	}
	_ = problem.Write(w, instance, p) // the caller is gone: nobody is left to tell
}
