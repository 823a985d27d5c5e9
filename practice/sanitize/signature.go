// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize

import "regexp"

// A Kind is what a piece of an answer gives away.
type Kind string

// The kinds, as they stand in records and in the configuration.
const (
	StackTrace      Kind = "stack_trace"
	SQLError        Kind = "sql_error"
	DebugPage       Kind = "debug_page"
	FilePath        Kind = "file_path"
	InternalAddress Kind = "internal_address"
)

// Kinds lists all kinds.
var Kinds = []Kind{StackTrace, SQLError, DebugPage, FilePath, InternalAddress}

// strong kinds are never meant for a caller, whatever the status. The others are ordinary data in a good answer.
func (k Kind) strong() bool { return k == StackTrace || k == SQLError || k == DebugPage }

// A signature is a way in which servers give themselves away. Its anchor is looked for in every byte; where it stands,
// ahead must match at that very place and back must find a beginning before it. Both look at a window only, and neither
// searches, so that text full of anchors costs no more than a fixed number of steps for each byte.
type signature struct {
	kind   Kind
	anchor string
	ahead  *regexp.Regexp                        // begins with the anchor; nil: the anchor is all
	back   func(text []byte, at int) (int, bool) // where the match begins; nil: at the anchor
	// frames says that one match may be a quotation in a good answer; two near each other make a stack trace.
	frames bool
	// shown is how much of the anchor is masked where the rest belongs to the form of the document; 0: all of the match.
	shown int
}

const (
	before = 160 // bytes of text before an anchor that back may look at
	behind = 160 // bytes from the anchor's beginning that ahead may look at
	window = before + behind
)

func sig(kind Kind, anchor, ahead string) signature { return back(kind, anchor, ahead, nil) }

func back(kind Kind, anchor, ahead string, f func([]byte, int) (int, bool)) signature {
	s := signature{kind: kind, anchor: anchor, back: f}
	if ahead != "" {
		s.ahead = regexp.MustCompile(`^(?:` + regexp.QuoteMeta(anchor) + ahead + `)`)
	}
	return s
}

func frame(anchor, ahead string, f func([]byte, int) (int, bool)) signature {
	s := back(StackTrace, anchor, ahead, f)
	s.frames = true
	return s
}

// In JSON a quotation mark comes as \" or \u0022, a tab as \t, a slash perhaps as \/ and a backslash as \\, in HTML as
// entities; the patterns allow for these forms.
const quote = `(?:\\?"|&quot;|&#34;|\\u0022)`

var signatures = []signature{
	frame("goroutine ", `\d{1,9} \[[a-z][a-z ]{1,40}(?:, \d+ minutes)?(?:, locked to thread)?\]:`, nil),
	frame("panic: runtime error", `: [a-z]`, nil),
	frame(".go:", `\d{1,6} \+0x[0-9a-f]{1,6}`, inPath),
	frame("Traceback (most recent call last)", `:`, nil),
	frame(", line ", `\d{1,6}, in `, afterFile),
	frame(".java:", `\d{1,6}\)`, afterAt),
	frame(".kt:", `\d{1,6}\)`, afterAt),
	frame(".scala:", `\d{1,6}\)`, afterAt),
	frame(".groovy:", `\d{1,6}\)`, afterAt),
	frame("(Native Method)", ``, afterAt),
	frame("(Unknown Source)", ``, afterAt),
	frame("Exception in thread ", quote+`[\w .#-]{1,60}`+quote+` [\w.]{3,80}`, nil),
	frame("Caused by: ", `(?:[a-z]\w{0,30}\.){2,8}\w{1,60}(?:Exception|Error)\b`, nil),
	frame(".js:", `\d{1,6}:\d{1,6}`, afterAt),
	frame(".ts:", `\d{1,6}:\d{1,6}`, afterAt),
	frame(".mjs:", `\d{1,6}:\d{1,6}`, afterAt),
	frame(".cjs:", `\d{1,6}:\d{1,6}`, afterAt),
	frame("node:internal/", `[\w/.-]{1,80}:\d{1,6}:\d{1,6}`, afterAt),
	frame(".cs:line ", `\d{1,6}`, afterAt),
	frame(".vb:line ", `\d{1,6}`, afterAt),
	frame("   at ", `[A-Z]\w{1,60}\.[\w.<>+\[\]\x60]{2,90}\([^()\n"]{0,60}\)`, nil),
	frame(".rb:", "\\d{1,6}:in (?:[`']|&#39;|&#x27;|\\\\u0027)", inPath),
	frame(".php(", `\d{1,6}\): `, afterNumber),
	{kind: StackTrace, anchor: `.php","line":`, back: inPath, frames: true, shown: len(".php")},
	sig(StackTrace, ".php on line ", `\d{1,6}`),
	sig(StackTrace, ".php</b> on line ", `<b>\d{1,6}`),
	sig(StackTrace, "panicked at ", `(?:'[^'\n]{1,80}', )?[\w./\\-]{1,100}\.rs:\d{1,6}:\d`),

	sig(SQLError, "SQLSTATE", `(?:\[| |=|: ?|:? ?\()[0-9A-Z]{5}\b`),
	sig(SQLError, "error in your SQL syntax", `; check the manual`),
	sig(SQLError, "syntax error at or near ", quote),
	back(SQLError, "pq: ", `(?:(?:[a-z]+ ){1,20}`+quote+`|syntax error|duplicate key|permission denied|password auth)`, wordStart),
	back(SQLError, ": syntax error", ``, afterNear),
	sig(SQLError, "unrecognized token: ", quote),
	sig(SQLError, "SQL logic error", `[: ]`),
	sig(SQLError, "OperationalError", `[:(')\\ ]{1,6}(?:no such|near |unrecognized|database is locked|could not connect|FATAL)`),
	sig(SQLError, "SQLITE_", `(?:ERROR|BUSY|CONSTRAINT|CORRUPT|MISUSE|LOCKED|READONLY)`),
	back(SQLError, "ORA-", `\d{5}: `, wordStart),
	sig(SQLError, "Unclosed quotation mark", ` (?:after|before) the character string`),
	sig(SQLError, "Incorrect syntax near", ` (?:the keyword )?(?:'|&#39;|\\u0027)`),
	sig(SQLError, "violates unique constraint ", quote),
	sig(SQLError, "violates foreign key constraint ", quote),
	sig(SQLError, "violates not-null constraint", ``),
	sig(SQLError, "UNIQUE constraint failed: ", `\w+\.\w`),
	sig(SQLError, "psycopg2.", `(?:errors|OperationalError|ProgrammingError|extensions|IntegrityError)`),
	sig(SQLError, "com.mysql.", `(?:cj\.)?jdbc\.[\w.]{3,}`),
	sig(SQLError, "org.postgresql.", `util\.PSQLException`),
	sig(SQLError, "org.hibernate.", `exception\.\w+`),
	sig(SQLError, "java.sql.SQL", `\w{0,40}Exception`),

	sig(DebugPage, "Whitelabel Error Page", ``),
	sig(DebugPage, "Werkzeug", ` (?:powered traceback interpreter|Debugger)`),
	sig(DebugPage, "<code>DEBUG = True", ``),
	sig(DebugPage, "Whoops, looks like something went wrong", ``),
	sig(DebugPage, "Action Controller: Exception caught", ``),
	sig(DebugPage, "Server Error in '", `[^'\n]{1,60}' Application`),
	sig(DebugPage, "sf-dump-", `(?:\d|str|note)`),

	back(FilePath, "/home/", `[\w.-]{1,40}/[\w./-]{3,}`, pathStart),
	back(FilePath, "/Users/", `[\w.-]{1,40}/[\w./-]{3,}`, pathStart),
	back(FilePath, "/var/www/", `[\w./-]{3,}`, pathStart),
	back(FilePath, "/srv/", `[\w.-]{1,40}/[\w./-]{3,}`, pathStart),
	back(FilePath, "/usr/src/", `[\w./-]{3,}`, pathStart),
	back(FilePath, "/usr/local/", `(?:go|lib|share|app|bin)/[\w./-]{3,}`, pathStart),
	back(FilePath, "/opt/", `[\w.-]{1,40}/[\w./-]{3,}`, pathStart),
	back(FilePath, "/root/", `[\w./-]{3,}`, pathStart),
	back(FilePath, `\/var\/www\/`, `[\w./\\-]{3,}`, pathStart),
	back(FilePath, `\/home\/`, `[\w./\\-]{3,}`, pathStart),
	back(FilePath, ":\\", `\\?(?:[\w .$-]{1,60}\\{1,2}){1,12}[\w.$-]`, drive),
	sig(FilePath, "site-packages/", `[\w./-]{3,}`),
	sig(FilePath, "node_modules/", `[\w./@-]{3,}`),

	back(InternalAddress, "10.", `\d{1,3}\.\d{1,3}\.\d{1,3}\.?(?:$|[^\w.])`, addressStart),
	back(InternalAddress, "192.168.", `\d{1,3}\.\d{1,3}\.?(?:$|[^\w.])`, addressStart),
	back(InternalAddress, "172.", `(?:1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3}\.?(?:$|[^\w.])`, addressStart),
	back(InternalAddress, "127.0.0.1", `\.?(?:$|[^\w.])`, addressStart),
	back(InternalAddress, "169.254.", `\d{1,3}\.\d{1,3}\.?(?:$|[^\w.])`, addressStart),
	sig(InternalAddress, ".svc.cluster.local", ``),
}

// inPath finds the beginning of the path that ends at at.
func inPath(text []byte, at int) (int, bool) {
	from := at
	for from > 0 && at-from < before && pathByte[text[from-1]] {
		from--
	}
	return from, from < at
}

// afterFile finds File "…" in front of at, as Python writes it: nothing but a path stands between the quotes.
func afterFile(text []byte, at int) (int, bool) {
	if at == 0 || text[at-1] != '"' && text[at-1] != ';' && text[at-1] != '2' {
		return 0, false
	}
	for i, open := at-2, false; i >= max(0, at-before); i-- {
		switch c := text[i]; {
		case c == 'F' && hasPrefix(text[i:], "File "):
			return i, true
		case c == '"' && !open:
			open = true
		case !pathByte[c] && c != ' ' && c != '<' && c != '>' && c != '&' && c != ';':
			return 0, false
		}
	}
	return 0, false
}

// afterAt finds the "at " of a frame in front of at. Its line has no end before at, whether that is written raw, as an
// escape or as a tag.
func afterAt(text []byte, at int) (int, bool) {
	for i := at - 1; i >= max(0, at-before); i-- {
		switch text[i] {
		case '\n', '"':
			return 0, false
		case 'n':
			if i > 0 && text[i-1] == '\\' && (i < 2 || text[i-2] != '\\') {
				return 0, false
			}
		case ' ':
			if i >= 2 && text[i-1] == 't' && text[i-2] == 'a' && lineBegins(text, i-2) {
				return i - 2, true
			}
		}
	}
	return 0, false
}

// lineBegins reports whether i is where the text of a line begins: behind indentation, a line break, a tag or a quote.
func lineBegins(text []byte, i int) bool {
	if i == 0 {
		return true
	}
	switch c := text[i-1]; c {
	case '\n', '\t', '>', ';', '"':
		return true
	case ' ':
		return i >= 2 && (text[i-2] == ' ' || text[i-2] == '\n' || text[i-2] == ';')
	case 't', 'n':
		return i >= 2 && text[i-2] == '\\'
	}
	return false
}

// afterNear finds near "…" in front of at, as SQLite writes it.
func afterNear(text []byte, at int) (int, bool) {
	if at == 0 || text[at-1] != '"' && text[at-1] != ';' {
		return 0, false
	}
	for i := at - 1; i >= max(0, at-80) && text[i] != '\n'; i-- {
		if text[i] == 'n' && hasPrefix(text[i:], "near ") {
			return i, true
		}
	}
	return 0, false
}

// afterNumber finds the # and digits of a frame in front of at, as PHP writes it.
func afterNumber(text []byte, at int) (int, bool) {
	for i := at - 1; i >= max(0, at-before) && text[i] != '\n' && text[i] != '"'; i-- {
		if text[i] == '#' && text[i+1] >= '0' && text[i+1] <= '9' {
			return i, true
		}
	}
	return 0, false
}

func wordStart(text []byte, at int) (int, bool) { return at, wordBegins(text, at) }

// wordBegins reports whether a word begins at i. The letter of an escape, as in \tat, is not part of a word.
func wordBegins(text []byte, i int) bool {
	if i == 0 || !wordByte[text[i-1]] {
		return true
	}
	return i >= 2 && text[i-2] == '\\' && (text[i-1] == 't' || text[i-1] == 'n' || text[i-1] == 'r')
}

// pathStart says that an absolute path begins at at: what stands before it is no host and no other path.
func pathStart(text []byte, at int) (int, bool) {
	if at == 0 {
		return at, true
	}
	c := text[at-1]
	return at, wordBegins(text, at) && c != '.' && c != '-' && c != '/' && c != '\\' && c != ':' && c != '}' && c != '~'
}

// drive finds the letter of a Windows drive in front of at.
func drive(text []byte, at int) (int, bool) {
	if at == 0 || text[at-1] < 'A' || text[at-1] > 'Z' {
		return 0, false
	}
	return at - 1, wordBegins(text, at-1)
}

// addressStart says that no digit or name runs into an address at at.
func addressStart(text []byte, at int) (int, bool) {
	return at, wordBegins(text, at) && (at == 0 || text[at-1] != '.' && text[at-1] != '-')
}

func hasPrefix(text []byte, s string) bool { return len(text) >= len(s) && string(text[:len(s)]) == s }

var wordByte, pathByte = func() (word, path [256]bool) {
	for c := range 256 {
		word[c] = c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		path[c] = word[c] || c == '.' || c == '/' || c == '@' || c == '-' || c == '\\' || c == ':' || c == '+'
	}
	return
}()

// A finder finds anchors. It looks at the last two of stride+1 bytes and steps on by as many as no anchor can begin in:
// mostly at one byte in three.
type finder struct {
	width int // of the shortest anchor, at most 4: that much of each is compared first
	shift [1 << 16]uint8
	list  [1 << 16]uint8 // where the last two of an anchor's first bytes lead: an index into heads
	heads [][]head
}

// A head is the first bytes of an anchor, with all signatures that begin with them.
type head struct {
	text uint32 // the first width bytes
	sigs []*signature
}

func newFinder(keep func(*signature) bool) *finder {
	f := &finder{width: 4, heads: make([][]head, 1)}
	for i := range signatures {
		if keep(&signatures[i]) {
			f.width = min(f.width, len(signatures[i].anchor))
		}
	}
	for i := range f.shift {
		f.shift[i] = uint8(f.width - 1)
	}
	for i := range signatures {
		s := &signatures[i]
		if !keep(s) {
			continue
		}
		for j := 0; j+2 <= f.width; j++ {
			k := pair(s.anchor[j], s.anchor[j+1])
			f.shift[k] = min(f.shift[k], uint8(f.width-2-j))
			if j+2 == f.width {
				f.add(k, s)
			}
		}
	}
	return f
}

func (f *finder) add(k uint16, s *signature) {
	if f.list[k] == 0 {
		f.list[k] = uint8(len(f.heads))
		f.heads = append(f.heads, nil)
	}
	all := &f.heads[f.list[k]]
	text := word([]byte(s.anchor[:f.width]))
	for i := range *all {
		if h := &(*all)[i]; h.text == text {
			h.sigs = append(h.sigs, s)
			return
		}
	}
	*all = append(*all, head{text, []*signature{s}})
}

// word packs up to four bytes.
func word(b []byte) (w uint32) {
	for _, c := range b {
		w = w<<8 | uint32(c)
	}
	return w
}

func pair(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// next returns the first place in text, at or behind from and before end, where anchors may stand, and their
// signatures: nil where there is none.
func (f *finder) next(text []byte, from, end int) (int, []*signature) {
	back := f.width - 1
	text = text[:max(0, min(end+back, len(text)))]
	for i := from + back; i < len(text); {
		k := pair(text[i-1], text[i])
		if step := int(f.shift[k]); step > 0 {
			i += step
			continue
		}
		at := word(text[i-back : i+1])
		for j := range f.heads[f.list[k]] {
			if h := &f.heads[f.list[k]][j]; h.text == at {
				return i - back, h.sigs
			}
		}
		i++
	}
	return end, nil
}

// In good answers only strong kinds are looked for.
var (
	inGood   = newFinder(func(s *signature) bool { return s.kind.strong() })
	inErrors = newFinder(func(*signature) bool { return true })
)
