// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package config reads yett.yaml: a file becomes layers, and layers become the one configuration that each practice
// has at each place.
//
// It stops a configuration that says something other than its author meant: unknown and repeated keys, values of the
// wrong kind, aliases, a second document, characters that hide text from a reader, variables that are not set, secrets
// written out, a practice switched off without a reason (OWASP API8:2023). All that is wrong is found in one run, and
// every finding names file, line, key and a way on. It does not open what the file names: descriptions, certificates
// and secrets are read by whom they serve. It does not judge whether a valid value is wise; package audit does.
//
// # Layers
//
// A practice's block may stand at the gateway, at an API and at an operation. Defaults, gateway, API and operation are
// merged one level deep before anything is decoded: a key given at a narrower place replaces the whole value of that
// key, lists and nested keys included, and what a nested value leaves out is zero, not the default. The merged keys
// are decoded once into a fresh configuration, so no map or slice is shared between two places.
// Every block also takes one of mode (enforce or observe) and off (a reason). The narrowest block that has either
// decides. observe at the top of the file counts as the widest: it holds wherever no block says otherwise.
//
// # Values
//
// A value is its text, and the Go type it is decoded into decides what it means: quotes are needed for YAML's sake
// only, and no is a string where a string is wanted. ${NAME} is filled in from the environment after parsing, in
// values only, so it can never make a key; $${ stands for ${ itself. Durations are Go's, and d is a day: 90d, 1d12h.
// Paths are relative to the file. In a configuration struct the tag config:"file" marks a string, or a list of them,
// that is such a path, and config:"gateway" a key that counts for the whole gateway and is refused at narrower places
// (both: config:"file,gateway").
//
// Used alone:
//
//	f, err := config.Load("yett.yaml", practices)
//	if errs, ok := errors.AsType[config.Errors](err); ok {
//		for _, e := range errs { fmt.Println(e); fmt.Print(e.Excerpt(false)) }
//	}
//	s, err := f.ForOperation(f.APIs[0], "importOrders", waf.Practice)
//	part, err := s.Practice.Build(s.Config, env)
package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

// MaxFile is the size above which a configuration is refused.
const MaxFile = 4 << 20

// Values that stand where the file gives none.
const (
	DefaultListen      = ":8443"
	DefaultAdminListen = "127.0.0.1:8444"
	DefaultData        = "yett-data"
	DefaultTimeout     = 30 * time.Second
)

// A File is yett.yaml as read. It does not change after Parse, except that a program may set Observe before it asks
// for settings, and is then safe for concurrent use.
type File struct {
	Path   string `yaml:"-"`
	Listen string `yaml:"listen"`
	Data   string `yaml:"data" config:"file"`
	// PublicURL has no slash at its end. Without public_url it is https://localhost:PORT of listen; it is empty only
	// where listen leaves the choice of the port to the system.
	PublicURL string `yaml:"public_url"`
	Admin     Admin  `yaml:"-"`
	// Observe lets every practice that may observe do so, where no block gives a mode of its own.
	Observe bool   `yaml:"observe"`
	APIs    []*API `yaml:"-"`

	level
	doc   *document
	known map[string]*practice.Practice
}

// Admin says where the control API and the dashboard listen.
type Admin struct {
	Listen string `yaml:"listen"`
}

// An API is one entry of apis.
type API struct {
	Name         string        `yaml:"name"`
	OpenAPI      string        `yaml:"openapi" config:"file"` // path of the description
	Upstream     string        `yaml:"upstream"`              // http or https, without a slash at its end
	Hosts        []string      `yaml:"hosts"`                 // lower case, without port; empty: any
	PreserveHost bool          `yaml:"preserve_host"`
	Timeout      time.Duration `yaml:"timeout"` // of one call upstream
	// Operations holds what is written under operations, by operation id. The ids are not compared with the
	// description here: see OperationIDs and UnknownOperation.
	Operations map[string]*Operation `yaml:"-"`
	// Fields holds what is written under fields, in file order. The names are not compared with the description here.
	Fields []*Field `yaml:"-"`

	level
	ids []string // of Operations, in file order
	doc *document
}

// An Operation holds the twins of the x-yett words in a description, for who cannot touch it.
type Operation struct {
	ID        string   `yaml:"-"`
	Public    string   `yaml:"public"` // why anybody may call; "" if not given
	Scopes    []string `yaml:"scopes"` // nil if not given
	WebSocket bool     `yaml:"websocket"`
	AllowPath []string `yaml:"allow_path"` // names of path ambiguities, not judged here

	level
}

// Load reads a configuration from a file. Its error is an Errors.
func Load(path string, known []*practice.Practice) (*File, error) {
	data, err := read(path)
	if err != nil {
		e := &Error{File: path, What: err.Error()}
		var p *fs.PathError
		if errors.As(err, &p) {
			e.What = p.Err.Error()
		}
		if errors.Is(err, fs.ErrNotExist) {
			e.What, e.Hint = "there is no such file", "yett init writes one"
		}
		return nil, Errors{e}
	}
	return Parse(path, data, known)
}

func read(path string) (data []byte, err error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, MaxFile+1)) // one byte more, so that Parse sees that it is too large
}

// Parse reads a configuration that is known as name; paths in it are relative to name's folder. Its error is an
// Errors: all that is wrong, in file order, each with its line.
func Parse(name string, data []byte, known []*practice.Practice) (*File, error) {
	doc, errs := parseDocument(name, data)
	if len(errs) > 0 {
		return nil, errs
	}
	d := newDecoder(doc)
	d.prepare("", doc.root)
	f := &File{
		Path: name, Listen: DefaultListen, Data: doc.resolve(DefaultData), Admin: Admin{Listen: DefaultAdminListen},
		doc: doc, known: make(map[string]*practice.Practice, len(known)),
	}
	for _, p := range known {
		checkPractice(p)
		f.known[p.Name] = p
	}
	r := &reader{decoder: d, file: f}
	r.gateway(doc.root)
	r.checkSettings(known)
	if err := d.result(); err != nil {
		return nil, err
	}
	return f, nil
}

// OperationIDs lists the ids under operations, in file order.
func (a *API) OperationIDs() []string { return append([]string(nil), a.ids...) }

// UnknownOperation is the error that an id under operations is not in the description; known are the ids that are.
func (a *API) UnknownOperation(id string, known []string) *Error {
	e := a.Errorf(join("operations", id), "the description has no such operation")
	if near := Nearest(id, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s?", near)
	}
	return e
}

// Errorf makes an error about a key of the API: "openapi", "operations.importOrders.scopes[0]". As everywhere, a
// parenthesis at the end of the text becomes the hint.
func (a *API) Errorf(key, format string, args ...any) *Error {
	return a.doc.errorf(a.path+"."+key, format, args...)
}

// Errorf makes an error about the value at a path of keys: "admin.listen", "apis[0].hosts[1]". Where the path leads
// beyond what is written, the error stands at the last key that is.
func (f *File) Errorf(path, format string, args ...any) *Error {
	return f.doc.errorf(path, format, args...)
}

// Digest is the SHA-256 of the text of the file.
func (f *File) Digest() [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join(f.doc.lines, "\n")))
}

// Where is the place of a path of keys in the form file:line.
func (f *File) Where(path string) string { return f.doc.errorf(path, "").Where() }

// A level is a place at which practices' blocks stand.
type level struct {
	path   string // "" for the gateway, "apis[0]", "apis[0].operations.importOrders"
	node   *yaml.Node
	blocks map[string]*block
}
