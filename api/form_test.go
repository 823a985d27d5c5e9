// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"yett/jsonstream"
)

// media loads the one media type of a form body: typ, its schema, and whatever else is beside the schema.
func media(t testing.TB, typ, schema, more string) *Media {
	t.Helper()
	a := mustLoad(t, keyed+"paths: {/a: {post: {requestBody: {content: {"+typ+": {schema: "+schema+more+"}}}}}}\n")
	return a.Operations[0].Body.Media[0]
}

const formSchema = `{type: object, properties: {n: {type: integer}, s: {type: string}, b: {type: boolean}, list: {type: array, items: {type: integer}},
	o: {type: object, properties: {x: {type: integer}}}, os: {type: array, items: {type: object}}, file: {type: string, format: binary, maxLength: 8}, min: {type: string, format: binary, minLength: 3}}}`

func decode(m *Media, contentType, body string) (string, error) {
	var doc jsonstream.Doc
	if err := m.Decode(contentType, []byte(body), &doc, Limits{Parts: 20}); err != nil {
		var b *BodyError
		if errors.As(err, &b) {
			return b.Code + " " + b.Pointer, err
		}
		var s *jsonstream.SyntaxError
		if errors.As(err, &s) {
			return s.Code, err
		}
		return "", err
	}
	return string(doc.Raw(doc.Root())), nil
}

func TestDecodeURLEncoded(t *testing.T) {
	const typ = "application/x-www-form-urlencoded"
	m := media(t, typ, formSchema, ", encoding: {list: {explode: false}, s: {contentType: text/plain}}")
	for _, tt := range []struct{ name, body, want string }{
		{"fields by their types", "n=7&s=7&b=true", `{"n":7,"s":"7","b":true}`},
		{"an undeclared field is kept for the schema to judge", "n=7&admin=true", `{"n":7,"admin":"true"}`},
		{"a plus is a space", "s=a+b%2B", `{"s":"a b+"}`},
		{"an array by its encoding", "list=1,2", `{"list":[1,2]}`},
		{"an object as JSON", "o=%7B%22x%22:1%7D", `{"o":{"x":1}}`},
		{"an object with brackets", "o[x]=1", `{"o":{"x":1}}`},
		{"JSON cannot break out of its field", "o=%7B%7D,%22admin%22:true", "malformed /o"},
		{"a list of objects as JSON", "os=%7B%7D&os=%7B%7D", `{"os":[{},{}]}`},
		{"an empty body", "", `{}`},
		{"a field twice", "n=1&n=2", "malformed "},
		{"a broken escape", "s=%", "malformed /s"},
		{"a NUL", "s=%00", "malformed /s"},
		{"a semicolon where others split", "s=1;n=2", "malformed "},
		{"too many fields", strings.Repeat("a=1&", 21), "too_many_parts "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := decode(m, typ, tt.body); got != tt.want {
				t.Errorf("Decode(%q) = %s (%v), want %s", tt.body, got, err, tt.want)
			}
		})
	}
}

func TestDecodeMultipart(t *testing.T) {
	m := media(t, "multipart/form-data", formSchema, ", encoding: {file: {contentType: 'image/png, image/*'}}")
	disposition := "Content-Disposition: form-data; name="
	part := func(header, body string) string { return "--b\r\n" + header + "\r\n\r\n" + body + "\r\n" }
	for _, tt := range []struct{ name, body, want string }{
		{"fields by their types", part(disposition+`"n"`, "7") + part(disposition+"s", "7") + "--b--\r\n", `{"n":7,"s":"7"}`},
		{"no line end after the last boundary", part(disposition+`"n"`, "7") + "--b--", `{"n":7}`},
		{"an array by repetition", part(disposition+`"list"`, "1") + part(disposition+`"list"`, "2") + "--b--", `{"list":[1,2]}`},
		{"a file is left out", part(disposition+`"file"; filename="a \"b\".png"`+"\r\nContent-Type: image/png", "\x00\xff") + "--b--", `{"file":""}`},
		{"a file keeps its minLength", part(disposition+`"min"; filename=a`, "\x00\xff\xff\xff") + "--b--", `{"min":"xxx"}`},
		{"a file below its minLength is for the schema to judge", part(disposition+`"min"; filename=a`, "\x00") + "--b--", `{"min":""}`},
		{"a file that is not declared is left out too", part(disposition+`"other"; filename=a`, "\x00") + "--b--", `{"other":""}`},
		{"an object as JSON", part(disposition+`"o"`+"\r\nContent-Type: application/json", `{"x":1}`) + "--b--", `{"o":{"x":1}}`},
		{"an empty field", part(disposition+`"s"`, "") + "--b--", `{"s":""}`},
		{"the encoding of bytes may be told", part(disposition+`"s"`+"\r\nContent-Transfer-Encoding: binary", "a") + "--b--", `{"s":"a"}`},
		{"a file that is too long", part(disposition+`"file"; filename=a`, "123456789") + "--b--", "part_size /file"},
		{"a file of another type", part(disposition+`"file"; filename=a`+"\r\nContent-Type: text/html", "1") + "--b--", "part_type /file"},
		{"a field in another charset", part(disposition+`"s"`+"\r\nContent-Type: text/plain; charset=latin1", "a") + "--b--", "charset /s"},
		{"a field that is not UTF-8", part(disposition+`"s"`, "\xff") + "--b--", "malformed /s"},
		{"JSON that is none", part(disposition+`"o"`+"\r\nContent-Type: application/json", `{"x":1},"y":{}`) + "--b--", "malformed /o"},
		{"a field twice", part(disposition+`"n"`, "1") + part(disposition+`"n"`, "2") + "--b--", "malformed "},
		{"text before the first boundary", "hello\r\n" + part(disposition+`"n"`, "7") + "--b--", "malformed "},
		{"text after the last boundary", part(disposition+`"n"`, "7") + "--b--\r\n--b\r\n", "malformed "},
		{"no last boundary", part(disposition+`"n"`, "7"), "malformed "},
		{"bare line feeds", strings.ReplaceAll(part(disposition+`"n"`, "7")+"--b--", "\r\n", "\n"), "malformed "},
		{"a boundary after a bare line feed", part(disposition+`"s"`, "7\n--b\n"+disposition+`"n"`) + "--b--", "malformed "},
		{"a boundary that goes on", part(disposition+`"s"`, "7\r\n--bc") + "--b--", "malformed "},
		{"space after a boundary", "--b \r\n" + disposition + "\"n\"\r\n\r\n7\r\n--b--", "malformed "},
		{"a header field twice", part(disposition+`"n"`+"\r\n"+disposition+`"s"`, "7") + "--b--", "malformed "},
		{"a folded header field", part(disposition+"\r\n \"n\"", "7") + "--b--", "malformed "},
		{"a name twice", part(disposition+`"n"; name="s"`, "7") + "--b--", "malformed "},
		{"a name in the extended form", part("Content-Disposition: form-data; name*=utf-8''n", "7") + "--b--", "malformed "},
		{"a name in pieces", part(`Content-Disposition: form-data; name="s"; name*0="n"`, "7") + "--b--", "malformed "},
		{"a name with an escape", part(disposition+`"a\"b"`, "7") + "--b--", "malformed "},
		{"a filename twice", part(disposition+`"n"; filename=a; filename=b`, "7") + "--b--", "malformed "},
		{"no name", part("Content-Disposition: form-data", "7") + "--b--", "malformed "},
		{"no disposition", part("Content-Type: text/plain", "7") + "--b--", "malformed "},
		{"base64", part(disposition+`"s"`+"\r\nContent-Transfer-Encoding: base64", "YQ==") + "--b--", "malformed "},
		{"too long a header", part(disposition+`"s"; x="`+strings.Repeat("a", 4<<10)+`"`, "7") + "--b--", "malformed "},
		{"too many parts", strings.Repeat(part(disposition+`"list"`, "1"), 21) + "--b--", "too_many_parts "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := decode(m, "multipart/form-data; boundary=b", tt.body); got != tt.want {
				t.Errorf("Decode(%q) = %s (%v), want %s", tt.body, got, err, tt.want)
			}
		})
	}
	if got, _ := decode(m, "multipart/form-data", "--b--"); got != "malformed " {
		t.Errorf("no boundary: %s", got)
	}
}

func TestDecodeOtherTypes(t *testing.T) {
	m := media(t, "'*/*'", "{}", "")
	for _, tt := range []struct{ name, typ, body, want string }{
		{"JSON", "application/json", ` {"a":1} `, `{"a":1}`},
		{"JSON by its suffix", "application/vnd.shop+json; charset=utf-8", `[]`, `[]`},
		{"JSON in another charset", "application/json; charset=utf-16", `[]`, "charset "},
		{"JSON in quotes of another charset", `application/json; charset="ISO-8859-1"`, `[]`, "charset "},
		{"JSON that is none", "application/json", `{"a":1,"a":2}`, "duplicate_name"},
		{"text", "text/plain", "a\"\nb", `"a\"\u000Ab"`},
		{"text in ASCII", "text/plain; charset=us-ascii", "a", `"a"`},
		{"text in another charset", "text/plain; charset=latin1", "a", "charset "},
		{"text that is not UTF-8", "text/plain", "\xff", "malformed "},
		{"anything else is not read", "application/octet-stream", "\x00", ""},
		{"a Content-Type that cannot be read", "json", "{}", "media_type "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(m, tt.typ, tt.body)
			if got != tt.want {
				t.Errorf("Decode = %s (%v), want %s", got, err, tt.want)
			}
			var b *BodyError
			if errors.As(err, &b) && b.Unsupported() != (b.Code == "charset" || b.Code == "media_type") {
				t.Errorf("%s: unsupported %v", b.Code, b.Unsupported())
			}
		})
	}
}

// FuzzMultipart: what we take for a form of these fields and files, mime/multipart takes for the same.
func FuzzMultipart(f *testing.F) {
	m := media(f, "multipart/form-data", "{type: object, additionalProperties: {type: array, items: {type: string}}}", "")
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n7\r\n--b--\r\n"))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=n; filename=a\r\nContent-Type: text/plain\r\n\r\n7\r\n--b\r\ncontent-disposition: form-data; name=\"m\"\r\n\r\n\r\n--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<12 {
			return
		}
		fb := formBody{media: m, shape: m.shape, limits: Limits{}.withDefaults()}
		if fb.multipart(body, "b") != nil {
			return
		}
		r := multipart.NewReader(bytes.NewReader(body), "b")
		for _, d := range fb.fields {
			p, err := r.NextRawPart()
			if err != nil {
				t.Fatalf("%q: mime/multipart: %v", body, err)
			}
			var content bytes.Buffer
			if _, err := content.ReadFrom(p); err != nil {
				t.Fatalf("%q: mime/multipart: %v", body, err)
			}
			if name := p.FormName(); name != d.path {
				t.Fatalf("%q: field %q, mime/multipart says %q", body, d.path, name)
			}
			if d.raw == nil && !bytes.Equal(d.text, content.Bytes()) && len(d.text) > 0 {
				t.Fatalf("%q: content %q, mime/multipart says %q", body, d.text, content.Bytes())
			}
		}
		if p, err := r.NextRawPart(); err == nil {
			t.Fatalf("%q: mime/multipart sees another part: %v", body, textproto.MIMEHeader(p.Header))
		}
	})
}
