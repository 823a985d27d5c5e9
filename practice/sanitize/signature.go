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

// A signature is a way in which servers give themselves away. Its anchor is looked for in every byte; only where it
// stands is the pattern tried, on the text around it.
type signature struct {
	kind    Kind
	anchor  string
	pattern *regexp.Regexp
	// frames says that one match may be a quotation; two make a stack trace.
	frames bool
}

const (
	before = 160 // bytes of text before an anchor that a pattern may need
	behind = 160 // bytes behind its beginning
	window = before + behind
)

func sig(kind Kind, anchor, pattern string) signature {
	return signature{kind: kind, anchor: anchor, pattern: regexp.MustCompile(pattern)}
}

func frame(anchor, pattern string) signature {
	return signature{kind: StackTrace, anchor: anchor, pattern: regexp.MustCompile(pattern), frames: true}
}

// In JSON a quotation mark comes as \", a tab as \t and a backslash as \\; the patterns allow for both forms.
var signatures = []signature{
	sig(StackTrace, "goroutine ", `goroutine \d+ \[[a-z][a-z ]*(, \d+ minutes)?\]:`),
	frame(".go:", `[\w./@-]{1,120}\.go:\d{1,6}( \+0x[0-9a-f]{1,6})`),
	sig(StackTrace, "Traceback (most recent", `Traceback \(most recent call last\):`),
	frame(", line ", `File \\?"[^"\n]{1,140}\\?", line \d{1,6}, in `),
	frame(".java:", `\bat [\w.$<>/]{3,140}\([\w$]{1,80}\.java:\d{1,6}\)`),
	frame(".kt:", `\bat [\w.$<>/]{3,140}\([\w$]{1,80}\.kt:\d{1,6}\)`),
	frame(".scala:", `\bat [\w.$<>/]{3,140}\([\w$]{1,80}\.scala:\d{1,6}\)`),
	frame("(Native Method)", `\bat [\w.$<>/]{3,140}\(Native Method\)`),
	frame(".js:", `\bat [^\n"]{0,120}?[\w./@:\\-]{1,120}\.js:\d{1,6}:\d{1,5}`),
	frame(".ts:", `\bat [^\n"]{0,120}?[\w./@:\\-]{1,120}\.ts:\d{1,6}:\d{1,5}`),
	frame(".mjs:", `\bat [^\n"]{0,120}?[\w./@:\\-]{1,120}\.mjs:\d{1,6}:\d{1,5}`),
	frame("node:internal", `\bat [^\n"]{0,100}node:internal/[\w/]{1,80}:\d{1,6}:\d{1,5}`),
	frame(".cs:line ", `\bat [^\n"]{1,140} in [^\n"]{1,140}\.cs:line \d{1,6}`),
	frame(".rb:", "[\\w./-]{1,120}\\.rb:\\d{1,6}:in [`'][\\w ?!<>:#]{1,60}'"),
	frame(".php(", `#\d{1,3} [^\n"]{1,140}\.php\(\d{1,6}\): `),
	sig(StackTrace, ".php on line", `(Fatal error|Parse error|Warning|Notice|Uncaught [\w\\]{1,60})[^\n]{0,150}\.php on line \d{1,6}`),
	sig(StackTrace, ".php</b> on line", `[^\n]{0,150}\.php</b> on line <b>\d{1,6}`),
	sig(StackTrace, "' panicked at ", `thread '[^'\n]{1,60}' panicked at `),
	sig(StackTrace, "Exception in thread ", `Exception in thread \\?"[^"\n]{1,60}\\?" [\w.]{3,120}`),
	sig(StackTrace, "panic: runtime error", `panic: runtime error: [a-z]`),

	sig(SQLError, "SQLSTATE", `SQLSTATE(\[[0-9A-Z]{5}\]| [0-9A-Z]{5}|=[0-9A-Z]{5}|: [0-9A-Z]{5})`),
	sig(SQLError, "error in your SQL syntax", `You have an error in your SQL syntax; check the manual`),
	sig(SQLError, "at or near", `ERROR: +syntax error at or near \\?"|syntax error at or near \\?"[^"\n]{0,40}\\?" at character \d`),
	sig(SQLError, "pq: ", `\bpq: [a-z][^\n"]{4,}`),
	sig(SQLError, ": syntax error", `near \\?"[^"\n]{0,60}\\?": syntax error`),
	sig(SQLError, "unrecognized token:", `unrecognized token: \\?"`),
	sig(SQLError, "no such column: ", `(SQL logic error|SQLITE_ERROR|OperationalError|SQLite)[^\n]{0,40}no such column: \w`),
	sig(SQLError, "no such table: ", `(SQL logic error|SQLITE_ERROR|OperationalError|SQLite)[^\n]{0,40}no such table: \w`),
	sig(SQLError, "SQL logic error", `SQL logic error[: ]`),
	sig(SQLError, "SQLITE_", `SQLITE_(ERROR|BUSY|CONSTRAINT|CORRUPT|MISUSE)\w*`),
	sig(SQLError, "ORA-", `\bORA-\d{5}: `),
	sig(SQLError, "Unclosed quotation mark", `Unclosed quotation mark (after|before) the character string`),
	sig(SQLError, "Incorrect syntax near", `Incorrect syntax near (the keyword )?'[^'\n]{0,40}'`),
	sig(SQLError, "violates unique constraint", `duplicate key value violates unique constraint \\?"`),
	sig(SQLError, "violates foreign key constraint", `violates foreign key constraint \\?"`),
	sig(SQLError, "psycopg2.", `psycopg2\.(errors|OperationalError|ProgrammingError|extensions)`),
	sig(SQLError, "com.mysql.", `com\.mysql\.(cj\.)?jdbc\.[\w.]{3,}`),
	sig(SQLError, "org.postgresql.", `org\.postgresql\.util\.PSQLException`),
	sig(SQLError, "org.hibernate.", `org\.hibernate\.exception\.\w+`),

	sig(DebugPage, "Whitelabel Error Page", `Whitelabel Error Page`),
	sig(DebugPage, "Werkzeug", `Werkzeug (powered traceback interpreter|Debugger)`),
	sig(DebugPage, "DEBUG = True", `You're seeing this error because you have <code>DEBUG = True`),
	sig(DebugPage, "Whoops, looks like", `Whoops, looks like something went wrong`),
	sig(DebugPage, "Action Controller: Exception", `Action Controller: Exception caught`),
	sig(DebugPage, "Server Error in '", `Server Error in '[^'\n]{1,60}' Application`),

	sig(FilePath, "/home/", `/home/[\w.-]{1,40}/[\w./-]{3,}`),
	sig(FilePath, "/var/www/", `/var/www/[\w./-]{3,}`),
	sig(FilePath, "/usr/src/", `/usr/src/[\w./-]{3,}`),
	sig(FilePath, "/usr/local/", `/usr/local/(go|lib|share|app|bin)/[\w./-]{3,}`),
	sig(FilePath, "/opt/", `/opt/[\w.-]{1,40}/[\w./-]{3,}`),
	sig(FilePath, "/root/", `/root/[\w./-]{3,}`),
	sig(FilePath, ":\\", `\b[C-Z]:(\\{1,2}[\w .$-]{1,60}){2,}`),
	sig(FilePath, "site-packages/", `[\w./-]{1,120}site-packages/[\w./-]{3,}`),
	sig(FilePath, "node_modules/", `/[\w./-]{1,120}node_modules/[\w./@-]{3,}`),

	sig(InternalAddress, "10.", `(^|[^\w.])10\.\d{1,3}\.\d{1,3}\.\d{1,3}($|[^\w.])`),
	sig(InternalAddress, "192.168.", `(^|[^\w.])192\.168\.\d{1,3}\.\d{1,3}($|[^\w.])`),
	sig(InternalAddress, "172.", `(^|[^\w.])172\.(1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3}($|[^\w.])`),
	sig(InternalAddress, "127.0.0.1", `(^|[^\w.])127\.0\.0\.1($|[^\w.])`),
	sig(InternalAddress, "169.254.", `(^|[^\w.])169\.254\.\d{1,3}\.\d{1,3}($|[^\w.])`),
	sig(InternalAddress, ".svc.cluster.local", `[\w-]{1,60}\.[\w-]{1,60}\.svc\.cluster\.local`),
}

// begins maps the first two bytes of every anchor to its signatures.
var begins = func() (t [1 << 16][]uint8) {
	for i, s := range signatures {
		k := uint16(s.anchor[0])<<8 | uint16(s.anchor[1])
		t[k] = append(t[k], uint8(i))
	}
	return t
}()

// firsts marks the first bytes of anchors.
var firsts = func() (t [256]bool) {
	for _, s := range signatures {
		t[s.anchor[0]] = true
	}
	return t
}()
