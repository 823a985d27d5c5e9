// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"testing"
)

// one loads an operation GET /x, or /x/{p} where params describe a path parameter p.
func one(t testing.TB, version, params string) (*Operation, *Router) {
	t.Helper()
	path := "/x"
	if strings.Contains(params, "in: path") {
		path = "/x/{p}"
	}
	a := mustLoad(t, "openapi: "+version+`
info: {title: t, version: v}
components: {securitySchemes: {key: {type: apiKey, in: query, name: api_key}}}
security: [{key: []}]
paths: {'`+path+`': {get: {parameters: [`+params+`]}}}
`)
	return a.Operations[0], router(t, a)
}

// check sends one request to the operation: a target, and lines of header as "Name: value".
func check(t testing.TB, op *Operation, r *Router, sc *Scratch, request ...string) []ParamFinding {
	t.Helper()
	path, query, _, err := Canonical(request[0])
	if err != nil {
		t.Fatal(err)
	}
	_, params := r.Match("", path, nil)
	return op.CheckParams(query, params, func(name string) []string {
		var out []string
		for _, line := range request[1:] {
			if n, v, _ := strings.Cut(line, ": "); strings.EqualFold(n, name) {
				out = append(out, v)
			}
		}
		return out
	}, sc)
}

func codes(findings []ParamFinding) string {
	var out []string
	for _, f := range findings {
		out = append(out, strings.TrimSpace(f.In+" "+f.Parameter)+": "+f.Code)
	}
	return strings.Join(out, ", ")
}

const (
	ints    = "schema: {type: array, items: {type: integer}}"
	words   = "schema: {type: array, items: {type: string}}"
	rgb     = "schema: {type: object, properties: {R: {type: integer}, G: {type: integer}}}"
	inQuery = "{name: q, in: query, "
	inPath  = "{name: p, in: path, required: true, "
	inHead  = "{name: X-H, in: header, "
	inCook  = "{name: c, in: cookie, "
)

func TestStyles(t *testing.T) {
	for _, tt := range []struct {
		name, params, request string
		json                  string // what the schema is given
	}{
		{"form, a number", inQuery + "schema: {type: integer}}", "/x?q=7", `7`},
		{"form, a string that looks like a number", inQuery + "schema: {type: string}}", "/x?q=7", `"7"`},
		{"form, a boolean", inQuery + "schema: {type: boolean}}", "/x?q=true", `true`},
		{"form, no schema to speak of", inQuery + "schema: {}}", "/x?q=7", `"7"`},
		{"form, a plus is a space", inQuery + "schema: {type: string}}", "/x?q=a+b%2Bc", `"a b+c"`},
		{"form, quotes and control characters", inQuery + "schema: {type: string}}", "/x?q=%22%5C%0A", `"\"\\\u000A"`},
		{"form, a name with escapes", "{name: 'a b', in: query, schema: {type: integer}}", "/x?a%20b=7", `7`},
		{"form, an array", inQuery + ints + "}", "/x?q=1&q=2", `[1,2]`},
		{"form, an array of one", inQuery + ints + "}", "/x?q=1", `[1]`},
		{"form, an array with brackets in its name", inQuery + words + "}", "/x?q[]=a&q%5B%5D=b", `["a","b"]`},
		{"form, an exploded array written with commas", inQuery + ints + "}", "/x?q=1,2", `[1,2]`},
		{"form, an exploded array of strings keeps its commas", inQuery + words + "}", "/x?q=a,b", `["a,b"]`},
		{"form, not exploded", inQuery + "explode: false, " + ints + "}", "/x?q=1,2", `[1,2]`},
		{"form, not exploded, commas escaped", inQuery + "explode: false, " + ints + "}", "/x?q=1%2c2", `[1,2]`},
		{"form, not exploded, an item with a comma", inQuery + "explode: false, " + words + "}", "/x?q=a%2Cb,c", `["a,b","c"]`},
		{"form, an empty array", inQuery + ints + "}", "/x?q=", `[]`},
		{"form, a spread object", inQuery + rgb + "}", "/x?R=100&G=200", `{"R":100,"G":200}`},
		{"form, a spread object with an array in it", inQuery + "schema: {type: object, properties: {a: {type: array, items: {type: integer}}}}}", "/x?a=1&a=2", `{"a":[1,2]}`},
		{"form, a free object", inQuery + "schema: {type: object, additionalProperties: {type: integer}}}", "/x?a=1&b=2", `{"a":1,"b":2}`},
		{"form, an object not exploded", inQuery + "explode: false, " + rgb + "}", "/x?q=R,100,G,200", `{"R":100,"G":200}`},
		{"spaceDelimited", inQuery + "style: spaceDelimited, " + ints + "}", "/x?q=1%202", `[1,2]`},
		{"spaceDelimited with a plus", inQuery + "style: spaceDelimited, " + ints + "}", "/x?q=1+2", `[1,2]`},
		{"pipeDelimited", inQuery + "style: pipeDelimited, " + ints + "}", "/x?q=1|2", `[1,2]`},
		{"pipeDelimited, escaped", inQuery + "style: pipeDelimited, " + ints + "}", "/x?q=1%7C2", `[1,2]`},
		{"deepObject", inQuery + "style: deepObject, " + rgb + "}", "/x?q[R]=100&q%5BG%5D=200", `{"R":100,"G":200}`},
		{"deepObject, nested", inQuery + "style: deepObject, schema: {type: object, properties: {a: {type: object, properties: {b: {type: array, items: {type: integer}}}}}}}", "/x?q[a][b]=1&q[a][b]=2", `{"a":{"b":[1,2]}}`},
		{"content", inQuery + "content: {application/json: {schema: {type: object}}}}", "/x?q=%7B%22a%22:1%7D", `{"a":1}`},
		{"simple", inPath + "schema: {type: integer}}", "/x/7", `7`},
		{"simple, a string with an escaped slash", inPath + "schema: {type: string}}", "/x/a%2Fb+c", `"a/b+c"`},
		{"simple, an array", inPath + ints + "}", "/x/1,2", `[1,2]`},
		{"simple, an object", inPath + rgb + "}", "/x/R,100,G,200", `{"R":100,"G":200}`},
		{"simple, an exploded object", inPath + "explode: true, " + rgb + "}", "/x/R=100,G=200", `{"R":100,"G":200}`},
		{"label", inPath + "style: label, schema: {type: integer}}", "/x/.7", `7`},
		{"label, an array", inPath + "style: label, " + ints + "}", "/x/.1,2", `[1,2]`},
		{"label, an array as 3.0.3 had it", inPath + "style: label, " + ints + "}", "/x/.1.2", `[1,2]`},
		{"label, an exploded array", inPath + "style: label, explode: true, " + ints + "}", "/x/.1.2", `[1,2]`},
		{"label, an exploded object", inPath + "style: label, explode: true, " + rgb + "}", "/x/.R=100.G=200", `{"R":100,"G":200}`},
		{"matrix", inPath + "style: matrix, schema: {type: integer}}", "/x/;p=7", `7`},
		{"matrix, an array", inPath + "style: matrix, " + ints + "}", "/x/;p=1,2", `[1,2]`},
		{"matrix, an exploded array", inPath + "style: matrix, explode: true, " + ints + "}", "/x/;p=1;p=2", `[1,2]`},
		{"matrix, an object", inPath + "style: matrix, " + rgb + "}", "/x/;p=R,100,G,200", `{"R":100,"G":200}`},
		{"matrix, an exploded object", inPath + "style: matrix, explode: true, " + rgb + "}", "/x/;R=100;G=200", `{"R":100,"G":200}`},
		{"header", inHead + "schema: {type: integer}}", "/x\nx-h: 7", `7`},
		{"header, no escapes there", inHead + "schema: {type: string}}", "/x\nX-H: a%20b+c", `"a%20b+c"`},
		{"header, an array with spaces", inHead + ints + "}", "/x\nX-H: 1, 2", `[1,2]`},
		{"header, an array over lines", inHead + ints + "}", "/x\nX-H: 1\nX-H: 2", `[1,2]`},
		{"header, an object", inHead + "explode: true, " + rgb + "}", "/x\nX-H: R=100, G=200", `{"R":100,"G":200}`},
		{"cookie", inCook + "schema: {type: integer}}", "/x\nCookie: a=b; c=7", `7`},
		{"cookie, an array", inCook + "explode: false, " + ints + "}", "/x\nCookie: c=1,2", `[1,2]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, version := range []string{"3.0.3", "3.1.0"} {
				op, r := one(t, version, tt.params)
				sc := new(Scratch)
				if f := check(t, op, r, sc, strings.Split(tt.request, "\n")...); len(f) > 0 {
					t.Errorf("%s: findings: %s", version, codes(f))
				}
				if got := string(sc.out.json); got != tt.json {
					t.Errorf("%s: the schema is given %s, want %s", version, got, tt.json)
				}
			}
		})
	}
}

func TestChoicesOfType(t *testing.T) {
	for _, tt := range []struct{ name, schema, query, json string }{
		{"a number where it fits", "{oneOf: [{type: integer}, {type: string}]}", "q=7", "7"},
		{"text where no number fits", "{oneOf: [{type: integer, maximum: 5}, {type: string}]}", "q=7", `"7"`},
		{"text that is no number by JSON's grammar", "{oneOf: [{type: number}, {type: string}]}", "q=007", `"007"`},
		{"text where the list wants text", "{anyOf: [{type: string, enum: ['1', '2']}, {type: boolean}]}", "q=1", `"1"`},
		{"a string before an array", "{oneOf: [{type: string}, {type: array, items: {type: string}}]}", "q=a", `"a"`},
		{"an array where it stands twice", "{oneOf: [{type: string}, {type: array, items: {type: string}}]}", "q=a&q=b", `["a","b"]`},
		{"types from a list of values", "{enum: [1, 2]}", "q=2", "2"},
		{"types from allOf", "{allOf: [{minimum: 1}, {type: integer}]}", "q=2", "2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op, r := one(t, "3.1.0", "{name: q, in: query, schema: "+tt.schema+"}")
			sc := new(Scratch)
			if f := check(t, op, r, sc, "/x?"+tt.query); len(f) > 0 {
				t.Errorf("findings: %s", codes(f))
			}
			if got := string(sc.out.json); got != tt.json {
				t.Errorf("the schema is given %s, want %s", got, tt.json)
			}
		})
	}
}

func TestParamFindings(t *testing.T) {
	integer := "schema: {type: integer}}"
	for _, tt := range []struct{ name, params, request, want string }{
		{"nothing is wrong", inQuery + integer, "/x?q=1", ""},
		{"nothing is required", inQuery + integer, "/x", ""},
		{"an unknown parameter", inQuery + integer, "/x?r=1", "query r: unknown_parameter"},
		{"an unknown parameter in other letter case", inQuery + integer, "/x?Q=1", "query Q: unknown_parameter"},
		{"an unknown name that is not fit to print", inQuery + integer, "/x?%3Cscript%3E=1", "query: unknown_parameter"},
		{"an unknown name that is too long", inQuery + integer, "/x?" + strings.Repeat("a", 65) + "=1", "query: unknown_parameter"},
		{"a credential is no unknown parameter", inQuery + integer, "/x?api_key=secret", ""},
		{"a missing parameter", inQuery + "required: true, " + integer, "/x", "query q: missing"},
		{"a missing header", inHead + "required: true, " + integer, "/x", "header X-H: missing"},
		{"a missing cookie", inCook + "required: true, " + integer, "/x\nCookie: d=1", "cookie c: missing"},
		{"a missing deepObject", inQuery + "style: deepObject, required: true, " + rgb + "}", "/x", "query q: missing"},
		{"twice", inQuery + integer, "/x?q=1&q=1", "query q: repeated"},
		{"twice, one of them escaped", inQuery + integer, "/x?q=1&%71=1", "query q: repeated"},
		{"a header twice", inHead + integer, "/x\nX-H: 1\nx-h: 1", "header X-H: repeated"},
		{"a cookie twice", inCook + integer, "/x\nCookie: c=1; c=2", "cookie c: repeated"},
		{"an unexploded array twice", inQuery + "explode: false, " + ints + "}", "/x?q=1&q=2", "query q: repeated"},
		{"a member twice", inQuery + "explode: false, " + rgb + "}", "/x?q=R,1,R,2", "query q: repeated"},
		{"empty, and not text", inQuery + integer, "/x?q=", "query q: empty"},
		{"empty without an equals sign", inQuery + integer, "/x?q", "query q: empty"},
		{"empty, and admitted", inQuery + "allowEmptyValue: true, " + integer, "/x?q", ""},
		{"empty text", inQuery + "schema: {type: string}}", "/x?q=", ""},
		{"empty text against minLength", inQuery + "schema: {type: string, minLength: 1}}", "/x?q=", "query q: schema"},
		{"text for a number", inQuery + integer, "/x?q=a", "query q: schema"},
		{"a number with a plus sign", inQuery + integer, "/x?q=%2B1", "query q: schema"},
		{"a number with a leading zero", inQuery + integer, "/x?q=01", "query q: schema"},
		{"a hexadecimal number", inQuery + integer, "/x?q=0x1", "query q: schema"},
		{"a fraction for an integer", inQuery + integer, "/x?q=1.5", "query q: schema"},
		{"a number beyond any float", inQuery + integer, "/x?q=1e999", "query q: malformed"},
		{"one for true", inQuery + "schema: {type: boolean}}", "/x?q=1", "query q: schema"},
		{"True for true", inQuery + "schema: {type: boolean}}", "/x?q=True", "query q: schema"},
		{"a bad item", inQuery + ints + "}", "/x?q=1&q=a", "query q: schema"},
		{"an undeclared member", inQuery + "style: deepObject, " + rgb + "}", "/x?q[B]=1", "query q: schema"},
		{"brackets that do not close", inQuery + "style: deepObject, " + rgb + "}", "/x?q[R=1", "query q: malformed"},
		{"members that are both value and object", inQuery + "style: deepObject, " + rgb + "}", "/x?q[R]=1&q[R][S]=2", "query q: malformed"},
		{"a deepObject without brackets", inQuery + "style: deepObject, " + rgb + "}", "/x?q=1", "query q: malformed"},
		{"names without values", inPath + rgb + "}", "/x/R,1,G", "path p: malformed"},
		{"no label", inPath + "style: label, " + integer, "/x/7", "path p: malformed"},
		{"no matrix", inPath + "style: matrix, " + integer, "/x/;r=7", "path p: malformed"},
		{"a broken escape", inQuery + "schema: {type: string}}", "/x?q=100%", "query q: malformed"},
		{"a broken escape in a name", inQuery + integer, "/x?%zz=1", "query: malformed"},
		{"a NUL", inQuery + "schema: {type: string}}", "/x?q=a%00", "query q: malformed"},
		{"a NUL in a path", inPath + "schema: {type: string}}", "/x/a%00", "path p: malformed"},
		{"bytes that are not UTF-8", inQuery + "schema: {type: string}}", "/x?q=%C0%AF", "query q: malformed"},
		{"bytes that are not UTF-8 in a header", inHead + "schema: {type: string}}", "/x\nX-H: \xff", "header X-H: malformed"},
		{"half a surrogate pair", inQuery + "schema: {type: string}}", "/x?q=%ED%A0%80", "query q: malformed"},
		{"a semicolon where others split", inQuery + "schema: {type: string}}", "/x?q=1;r=2", "query: malformed"},
		{"JSON that is none", inQuery + "content: {application/json: {schema: {}}}}", "/x?q={", "query q: malformed"},
		{"JSON with a name twice", inQuery + "content: {application/json: {schema: {}}}}", "/x?q={%22a%22:1,%22a%22:2}", "query q: malformed"},
		{"several at once, in the order of the description", inQuery + integer + ", " + inHead + "required: true, " + integer, "/x?q=a&r=1", "query q: schema, header X-H: missing, query r: unknown_parameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op, r := one(t, "3.1.0", tt.params)
			f := check(t, op, r, new(Scratch), strings.Split(tt.request, "\n")...)
			if got := codes(f); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
			for i := range f {
				known := f[i].Parameter != "" && f[i].Code != "unknown_parameter"
				if f[i].Detail == "" || known != (f[i].Where != nil) || known != (f[i].Param != nil) {
					t.Errorf("finding %+v says too little", f[i])
				}
			}
		})
	}
}

func TestAFreeObjectTakesOnlyWhatNobodyElseDoes(t *testing.T) {
	free := inQuery + "schema: {type: object, additionalProperties: {type: integer}}}"
	deep := "{name: d, in: query, style: deepObject, " + rgb + "}"
	list := "{name: l, in: query, " + ints + "}"
	for _, params := range []string{deep + ", " + list + ", " + free, free + ", " + deep + ", " + list} {
		op, r := one(t, "3.1.0", params)
		if f := check(t, op, r, new(Scratch), "/x?d[R]=1&l[]=2&a=3&api_key=secret"); len(f) > 0 {
			t.Errorf("%s: findings %q", params, codes(f))
		}
		if f := check(t, op, r, new(Scratch), "/x?d[R]=x&l[]=y&a=z"); len(f) != 3 {
			t.Errorf("%s: findings %q, want one for each", params, codes(f))
		}
	}
}

func TestMatrixNeedsASemicolon(t *testing.T) {
	matrix, _ := one(t, "3.1.0", inPath+"style: matrix, schema: {type: integer}}")
	label, _ := one(t, "3.1.0", inPath+"style: label, schema: {type: integer}}")
	if matrix.Needs() != Semicolon || label.Needs() != 0 {
		t.Errorf("matrix needs %s, label %s", matrix.Needs(), label.Needs())
	}
}

func TestFindingsAreBounded(t *testing.T) {
	op, r := one(t, "3.1.0", inQuery+"schema: {type: integer}}")
	var b strings.Builder
	for i := range maxPairs {
		fmt.Fprintf(&b, "&u%d=1", i)
	}
	if f := check(t, op, r, new(Scratch), "/x?"+b.String()); len(f) != maxFindings {
		t.Errorf("%d findings, want %d", len(f), maxFindings)
	}
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("{name: q%d, in: query, required: true, schema: {type: integer}}", i))
	}
	lots, r2 := one(t, "3.1.0", strings.Join(many, ", "))
	if f := check(t, lots, r2, new(Scratch), "/x"); len(f) != maxFindings {
		t.Errorf("%d findings, want %d", len(f), maxFindings)
	}
	b.WriteString("&one=more")
	if f := check(t, op, r, new(Scratch), "/x?"+b.String()); codes(f) != "query: malformed" {
		t.Errorf("findings %q, want the query refused as a whole", codes(f))
	}
}

func TestFindingsRepeatNoValue(t *testing.T) {
	op, r := one(t, "3.1.0", inQuery+"schema: {type: integer}}, {name: e, in: query, schema: {enum: [a]}}, {name: f, in: query, style: deepObject, "+rgb+"}")
	const secret = "hunter2"
	for _, f := range check(t, op, r, new(Scratch), "/x?q="+secret+"&e="+secret+"&f[R]="+secret) {
		if strings.Contains(fmt.Sprint(f.Detail, f.Pointer), secret) {
			t.Errorf("finding %+v repeats the value", f)
		}
	}
}

func TestScratchIsUsedAgain(t *testing.T) {
	op, r := one(t, "3.1.0", inQuery+"schema: {type: integer}}, "+inCook+"schema: {type: integer}}")
	sc := new(Scratch)
	for _, tt := range []struct{ request, want string }{
		{"/x?q=a\nCookie: c=b", "query q: schema, cookie c: schema"}, {"/x?q=1", ""}, {"/x\nCookie: c=1", ""}, {"/x?q=%", "query q: malformed"}, {"/x", ""},
	} {
		if got := codes(check(t, op, r, sc, strings.Split(tt.request, "\n")...)); got != tt.want {
			t.Errorf("%q: findings %q, want %q", tt.request, got, tt.want)
		}
	}
}

func TestIsNumber(t *testing.T) {
	for _, s := range []string{"0", "-0", "7", "-12", "1.5", "0.0", "1e9", "1E+9", "1.5e-9"} {
		if !isNumber([]byte(s)) {
			t.Errorf("isNumber(%q) = false", s)
		}
	}
	for _, s := range []string{"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "NaN", "Infinity", " 1", "1 ", "١"} {
		if isNumber([]byte(s)) {
			t.Errorf("isNumber(%q) = true", s)
		}
	}
}

// FuzzParams: whatever is sent, nothing panics, findings are bounded, and an accepted integer is one.
func FuzzParams(f *testing.F) {
	a := mustLoad(f, keyed+`paths:
	/x/{p}/{m}:
		get:
			parameters:
				- {name: p, in: path, required: true, `+ints+`}
				- {name: m, in: path, required: true, style: matrix, explode: true, `+rgb+`}
				- {name: i, in: query, schema: {type: integer}}
				- {name: s, in: query, schema: {type: string, maxLength: 8}}
				- {name: a, in: query, `+ints+`}
				- {name: n, in: query, explode: false, `+words+`}
				- {name: pipes, in: query, style: pipeDelimited, `+ints+`}
				- {name: d, in: query, style: deepObject, schema: {type: object, properties: {a: {type: object, additionalProperties: {type: array, items: {type: integer}}}}}}
				- {name: f, in: query, schema: {type: object, properties: {x: {type: integer}}, additionalProperties: {type: boolean}}}
				- {name: j, in: query, content: {application/json: {schema: {type: object}}}}
				- {name: X-H, in: header, `+rgb+`}
				- {name: c, in: cookie, schema: {oneOf: [{type: integer}, {type: string, maxLength: 3}]}}
`)
	r := router(f, a)
	op := a.Operations[0]
	f.Add("/x/1,2/;R=1;G=2?i=1&s=a&a=1&a=2&n=a%2Cb,c&pipes=1|2&d[a][b]=1&x=1&y=true&j={}", "R,1,G,2", "c=1; d=2")
	f.Add("/x/%31/;?d[a]&d[a][]=&a[]=%&s=+", "R", "c")
	var sc Scratch
	f.Fuzz(func(t *testing.T, target, header, cookie string) {
		path, query, _, err := Canonical(target)
		if err != nil {
			return
		}
		m, params := r.Match("", path, nil)
		if m.Path == "" {
			return
		}
		findings := op.CheckParams(query, params, func(name string) []string {
			if name == "Cookie" {
				return []string{cookie}
			}
			return []string{header}
		}, &sc)
		if len(findings) > maxFindings {
			t.Fatalf("%d findings", len(findings))
		}
		for _, f := range findings {
			if f.Code == "" || f.Detail == "" || f.In == "" {
				t.Fatalf("finding %+v says too little", f)
			}
		}
		if len(findings) == 0 {
			for _, q := range sc.query {
				if q.name == "i" && !isNumber([]byte(strings.ReplaceAll(q.raw, "%2D", "-"))) && !strings.Contains(q.raw, "%") {
					t.Fatalf("%q passes for an integer", q.raw)
				}
			}
		}
	})
}

func BenchmarkCheckParams(b *testing.B) {
	op, r := one(b, "3.1.0", inPath+"schema: {type: string, maxLength: 40}}, "+inQuery+"schema: {type: integer, minimum: 1, maximum: 100}}, {name: state, in: query, schema: {type: string, enum: [open, closed]}}")
	path, query, _, _ := Canonical("/x/hello-world?q=7&state=open")
	_, params := r.Match("", path, nil)
	header := func(string) []string { return nil }
	b.ReportAllocs()
	var sc Scratch
	for b.Loop() {
		if f := op.CheckParams(query, params, header, &sc); len(f) > 0 {
			b.Fatal(codes(f))
		}
	}
}
