// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

// Refused says what was wrong with a request. It holds no field values, no query and no body.
type Refused struct {
	Status int    // the HTTP status to answer with
	Code   string // fixed, one of Codes: for records and metrics
	Reason string // one sentence for the caller, written by us

	// Method and Target are what could be read of the request line, possibly nothing. Target ends before the query.
	// Bytes other than visible ASCII are shown as '?', and each is cut off at 256 bytes.
	Method, Target string
}

// Error makes Refused the error that a reader of the body sees.
func (r Refused) Error() string { return "wire: " + r.Code }

// shown is how many bytes of a method or target a Refused shows.
const shown = 256

// A violation names the rule that was broken. Zero is none.
type violation uint32

const (
	none violation = iota
	lengthAndEncoding
	repeatedLength
	badLength
	repeatedEncoding
	unknownEncoding
	encodingOnHTTP10
	lookalike
	bareLineFeed
	bareCarriageReturn
	foldedField
	badField
	tooManyFields
	headTooLarge
	headTooSlow
	headCutOff
	badRequestLine
	badMethod
	connectMethod
	badTarget
	targetTooLong
	badVersion
	http2Preface
	missingHost
	repeatedHost
	badHost
	badExpectation
	badTrailer
	badChunk
	chunkExtension
	bodyTooSlow
	plainHTTP
)

// rules tells of each violation its status, its code and what the caller reads.
var rules = [...]struct {
	status       int
	code, reason string
}{
	lengthAndEncoding:  {400, "content_length_with_transfer_encoding", "A request has Content-Length or Transfer-Encoding, not both."},
	repeatedLength:     {400, "repeated_content_length", "Content-Length may be given once."},
	badLength:          {400, "bad_content_length", "Content-Length must be a plain decimal number."},
	repeatedEncoding:   {400, "repeated_transfer_encoding", "Transfer-Encoding may be given once."},
	unknownEncoding:    {501, "unsupported_transfer_encoding", "The only transfer coding understood is chunked."},
	encodingOnHTTP10:   {400, "transfer_encoding_http10", "HTTP/1.0 has no Transfer-Encoding."},
	lookalike:          {400, "lookalike_field", "A field name must not imitate Host, Content-Length or Transfer-Encoding."},
	bareLineFeed:       {400, "bare_line_feed", "Lines end with carriage return and line feed."},
	bareCarriageReturn: {400, "bare_carriage_return", "A carriage return stands only before a line feed."},
	foldedField:        {400, "folded_header", "A field may not continue on the next line."},
	badField:           {400, "bad_header", "A field must be a name, a colon and a value without control characters."},
	tooManyFields:      {431, "too_many_headers", "The request has too many fields."},
	headTooLarge:       {431, "header_too_large", "The head of the request is too large."},
	headTooSlow:        {408, "header_timeout", "The head of the request did not arrive in time."},
	headCutOff:         {400, "header_truncated", "The request ended within its head."},
	badRequestLine:     {400, "bad_request_line", "The request line must be method, target and version, each followed by one space or the end of the line."},
	badMethod:          {400, "bad_method", "The method must be a token of at most 32 characters."},
	connectMethod:      {501, "connect_method", "CONNECT is not offered here."},
	badTarget:          {400, "bad_target", "The target must be a path in visible ASCII without a fragment."},
	targetTooLong:      {414, "target_too_long", "The target is too long."},
	badVersion:         {505, "bad_version", "The protocol must be HTTP/1.1 or HTTP/1.0."},
	http2Preface:       {505, "http2_preface", "HTTP/2 is offered through TLS negotiation only."},
	missingHost:        {400, "missing_host", "HTTP/1.1 requires Host."},
	repeatedHost:       {400, "repeated_host", "Host may be given once, and must agree with the target."},
	badHost:            {400, "bad_host", "Host must be a name or an address, and a port if needed."},
	badExpectation:     {417, "bad_expectation", "The only expectation understood is 100-continue."},
	badTrailer:         {400, "bad_trailer", "This field may not stand in a trailer, or the trailer is too large."},
	badChunk:           {400, "bad_chunk", "A chunk must be a size of at most eight hexadecimal digits, its data and a line end."},
	chunkExtension:     {400, "chunk_extension", "Chunk extensions are not accepted."},
	bodyTooSlow:        {408, "body_timeout", "The body of the request came too slowly."},
	plainHTTP:          {400, "plain_http", "This port speaks HTTPS."},
}

// Codes returns every code a Refused can have.
func Codes() []string {
	codes := make([]string, 0, len(rules)-1)
	for _, r := range rules[none+1:] {
		codes = append(codes, r.code)
	}
	return codes
}

// refused makes the public form of v.
func (v violation) refused(method, target string) Refused {
	r := rules[v]
	return Refused{Status: r.status, Code: r.code, Reason: r.reason, Method: legible(method), Target: legible(target)}
}

// legible copies b for a record: cut off after 256 bytes, anything but visible ASCII replaced.
func legible(b string) string {
	out := make([]byte, 0, min(len(b), shown))
	for _, c := range []byte(b[:min(len(b), shown)]) {
		if c <= ' ' || c > '~' {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}
