// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/andybalholm/brotli"

	"yett/conformance/internal/gate"
)

const nginxDescription = `openapi: 3.1.0
info: { title: files, version: "1" }
paths:
  /items/{name}:
    get:
      operationId: getItem
      security: [{ key: [] }]
      x-yett-scopes: [items:read]
      parameters: [{ name: name, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { description: an item, content: { application/json: { schema: { $ref: "#/components/schemas/Item" } } } }
  /files/{name}:
    get:
      operationId: getFile
      security: [{ key: [] }]
      x-yett-scopes: [items:read, items:audit]
      parameters: [{ name: name, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { description: a file, content: { application/pdf: {} } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
  schemas:
    Item:
      type: object
      required: [id]
      properties:
        id: { type: integer }
        name: { type: string }
        cost: { type: number, x-yett-visible: [items:audit] }
        card: { type: string, x-yett-visible: [items:audit], x-yett-mask: last4 }
`

const (
	itemText    = `{"id":1,"name":"till","cost":3.5,"card":"4111111111111111","passwordHash":"$2y$10$abc","debug":{"sql":"select"}}`
	auditorSees = `{"id":1,"name":"till","cost":3.5,"card":"4111111111111111"}`
)

// serveFiles starts nginx on a free port of the loopback, with the files that the cases ask for.
func serveFiles(ctx context.Context, dir string) (address string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	file := bytes.Repeat([]byte("0123456789"), 100)
	var gz, br bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, zerr := z.Write([]byte(itemText))
	b := brotli.NewWriter(&br)
	_, berr := b.Write([]byte(itemText))
	if err := errors.Join(zerr, z.Close(), berr, b.Close()); err != nil {
		return "", nil, err
	}
	for name, content := range map[string][]byte{
		"items/plain": []byte(itemText), "items/gz": gz.Bytes(), "items/br": br.Bytes(), "items/cut": []byte(itemText[:40]),
		"files/a": file,
	} {
		path := filepath.Join(dir, "www", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", nil, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return "", nil, err
		}
	}
	conf := fmt.Sprintf(`daemon off; worker_processes 1; error_log stderr error; pid %[1]s/nginx.pid;
events { worker_connections 64; }
http {
	access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server {
		listen %[2]s; root %[1]s/www;
		add_header Cache-Control "public, max-age=60, s-maxage=600" always;
		add_header Repr-Digest "sha-256=:AAAA:"; add_header Content-Digest "sha-256=:AAAA:";
		location /items/ { default_type application/json; }
		location = /items/gz { default_type application/json; add_header Content-Encoding gzip; add_header Cache-Control public; }
		location = /items/br { default_type application/json; add_header Content-Encoding br; add_header Cache-Control public; }
		location /files/ { default_type application/pdf; }
	}
}
`, dir, address)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return "", nil, err
	}
	if os.Getuid() == 0 {
		// The worker is another user: it must reach the files.
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", nil, err
		}
	}
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary = "/usr/sbin/nginx"
	}
	cmd := exec.CommandContext(ctx, binary, "-p", dir, "-c", path, "-e", "stderr")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		return cmd.Wait()
	}
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			return address, stop, c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", nil, errors.Join(errors.New("nginx does not listen"), stop())
}

// conditions is the table of cases with nginx behind the gate.
func conditions(ctx context.Context, binary string) (t *table, err error) {
	dir, err := os.MkdirTemp("", "answers")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address, stop, err := serveFiles(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(nginxDescription), 0o600); err != nil {
		return nil, err
	}
	g, err := gate.StartConfigured(ctx, binary, dir, "http://"+address, "", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	auditor, err := callerWith(ctx, g, "auditor", "items:read", "items:audit")
	if err != nil {
		return nil, err
	}
	clerk, err := callerWith(ctx, g, "clerk", "items:read")
	if err != nil {
		return nil, err
	}
	t = &table{}
	auditorTag, err := t.item(ctx, auditor, auditorSees)
	if err != nil {
		return nil, err
	}
	clerkTag, err := t.item(ctx, clerk, `{"id":1,"name":"till","card":"****1111"}`)
	if err != nil {
		return nil, err
	}
	t.check("two callers with different views have different tags", auditorTag != clerkTag, auditorTag, clerkTag)
	bare, err := tagOf(ctx, "http://"+address+"/items/plain")
	if err != nil {
		return nil, err
	}
	t.check("the service's own tag does not show in them", len(bare) > 8 && !strings.Contains(auditorTag, strings.Trim(bare, `"`)) &&
		!strings.Contains(clerkTag, strings.Trim(bare, `"`)), bare, auditorTag, clerkTag)
	t.check("nor does one caller's in the other's", auditorTag[:20] != clerkTag[:20], auditorTag, clerkTag)
	for _, c := range []struct {
		who        *caller
		own, other string
	}{{auditor, auditorTag, clerkTag}, {clerk, clerkTag, auditorTag}} {
		if err := t.conditional(ctx, c.who, c.own, c.other, bare); err != nil {
			return nil, err
		}
	}
	return t, t.files(ctx, auditor)
}

// tagOf asks the service itself.
func tagOf(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	return res.Header.Get("ETag"), res.Body.Close()
}

// item asks for the document in every coding, whole.
func (t *table) item(ctx context.Context, c *caller, want string) (tag string, err error) {
	for _, name := range []string{"plain", "gz", "br"} {
		res, err := c.do(ctx, "GET", "/items/"+name, "", "Accept-Encoding", "gzip, br")
		if err != nil {
			return "", err
		}
		what := c.name + " " + name + ": "
		t.check(what+"sees what is meant for it", res.status == 200 && res.body == want, res.status, res.body)
		t.check(what+"the length is that of what leaves", res.header.Get("Content-Length") == fmt.Sprint(len(want)), res.header)
		t.check(what+"no digest, coding or range of what does not leave", res.header.Get("Repr-Digest")+res.header.Get("Content-Digest")+
			res.header.Get("Content-Encoding")+res.header.Get("Accept-Ranges") == "", res.header)
		t.check(what+"not for shared caches", strings.HasPrefix(res.header.Get("Cache-Control"), "private") &&
			!strings.Contains(res.header.Get("Cache-Control"), "s-maxage"), res.header["Cache-Control"])
		t.check(what+"the tag names the view", strings.Contains(res.header.Get("ETag"), "--y"), res.header.Get("ETag"))
		head, err := c.do(ctx, "HEAD", "/items/"+name, "")
		if err != nil {
			return "", err
		}
		t.check(what+"HEAD has no length and no coding", head.status == 200 && head.header.Get("Content-Length")+head.header.Get("Content-Encoding") == "", head.header)
		if name == "plain" {
			tag = res.header.Get("ETag")
			t.check(what+"HEAD has the same tag", head.header.Get("ETag") == tag, head.header)
		}
	}
	res, err := c.do(ctx, "GET", "/items/cut", "")
	if err != nil {
		return "", err
	}
	t.check(c.name+": a broken answer is a clean 502", res.status == http.StatusBadGateway && strings.Contains(res.body, "upstream_json"), res.status, res.body)
	res, err = c.do(ctx, "GET", "/items/none", "")
	if err != nil {
		return "", err
	}
	t.check(c.name+": an error that nobody described keeps its status, not its page", res.status == 404 &&
		!strings.Contains(res.body, "nginx") && strings.HasPrefix(res.header.Get("Content-Type"), "application/problem+json"), res.status, res.body)
	return tag, nil
}

// conditional asks again, under conditions.
func (t *table) conditional(ctx context.Context, c *caller, own, other, bare string) error {
	now := time.Now().UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		name   string
		status int
		fields []string
	}{
		{"the own tag is still good", 304, []string{"If-None-Match", own}},
		{"also as a weak one", 304, []string{"If-None-Match", "W/" + own}},
		{"also among others", 304, []string{"If-None-Match", `"x", ` + other + ", " + own}},
		{"any tag is still good", 304, []string{"If-None-Match", "*"}},
		{"the tag of another's view is not", 200, []string{"If-None-Match", other}},
		{"nor is the service's own", 200, []string{"If-None-Match", bare}},
		{"nor is it made good by a date", 200, []string{"If-None-Match", other, "If-Modified-Since", now}},
		{"a date does not tell views apart", 200, []string{"If-Modified-Since", now}},
		{"a part is not asked for", 200, []string{"Range", "bytes=0-9"}},
		{"under no condition", 200, []string{"Range", "bytes=0-9", "If-Range", own}},
		{"a change may be bound to the own tag", 200, []string{"If-Match", own}},
		{"which names the same thing for all", 200, []string{"If-Match", other}},
		{"and is refused for another", 412, []string{"If-Match", `"nothing"`}},
		{"the own tag may stand among others", 200, []string{"If-Match", `"nothing", ` + own}},
		{"on a second line", 200, []string{"If-Match", `"nothing"`, "If-Match", own}},
		{"or behind what is no tag", 200, []string{"If-Match", `nothing, ` + own}},
		{"what is no tag is a condition all the same", 412, []string{"If-Match", `5`}},
		{"also where it is not quoted", 412, []string{"If-Match", `nothing`}},
		{"or not to its end", 412, []string{"If-Match", `"nothing`}},
	} {
		res, err := c.do(ctx, "GET", "/items/plain", "", tt.fields...)
		if err != nil {
			return err
		}
		t.check(c.name+": "+tt.name, res.status == tt.status, res.status, tt.fields)
		switch tt.status {
		case 304:
			t.check(c.name+": "+tt.name+", and keeps its tag", res.body == "" && strings.TrimPrefix(res.header.Get("ETag"), "W/") == own, res.header, res.body)
		case 200:
			t.check(c.name+": "+tt.name+", and is whole", res.header.Get("Content-Range") == "" && strings.HasSuffix(res.body, `1111"}`) && !strings.Contains(res.body, "Hash"), res.body)
		}
	}
	return nil
}

// files asks for what nobody looks into: it stays as it is.
func (t *table) files(ctx context.Context, c *caller) error {
	whole, err := c.do(ctx, "GET", "/files/a", "")
	if err != nil {
		return err
	}
	tag := whole.header.Get("ETag")
	t.check("a file passes as it is", whole.status == 200 && len(whole.body) == 1000 && !strings.Contains(tag, "--y") &&
		whole.header.Get("Repr-Digest") != "" && whole.header.Get("Accept-Ranges") == "bytes", whole.status, whole.header)
	for _, tt := range []struct {
		name         string
		status, size int
		fields       []string
	}{
		{"a part of a file", 206, 10, []string{"Range", "bytes=5-14"}},
		{"a part of a file that has not changed", 206, 10, []string{"Range", "bytes=5-14", "If-Range", tag}},
		{"all of a file that has", 200, 1000, []string{"Range", "bytes=5-14", "If-Range", `"x"`}},
		{"several parts of a file", 206, -1, []string{"Range", "bytes=0-1,5-6"}},
		{"a part that is not there", 416, -1, []string{"Range", "bytes=5000-"}},
		{"a file that has not changed", 304, 0, []string{"If-None-Match", tag}},
	} {
		res, err := c.do(ctx, "GET", "/files/a", "", tt.fields...)
		if err != nil {
			return err
		}
		t.check(tt.name, res.status == tt.status && (tt.size < 0 || len(res.body) == tt.size), res.status, len(res.body), res.header)
	}
	head, err := c.do(ctx, "HEAD", "/files/a", "")
	if err != nil {
		return err
	}
	t.check("HEAD of a file has its length", head.status == 200 && head.header.Get("Content-Length") == "1000", head.header)
	return nil
}
