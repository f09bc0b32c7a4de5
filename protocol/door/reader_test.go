package door

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const good = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

// TestReader: requests with one reading come out as they went in, however the network
// cuts them; one with two readings comes out not at all, and nothing after it.
func TestReader(t *testing.T) {
	for name, text := range map[string]string{
		"no body":          good + good,
		"a length":         "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /" + good,
		"chunks":           "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\nA\r\n0123456789\r\n0\r\n\r\n" + good,
		"an empty body":    "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" + good,
		"an empty field":   "GET /a HTTP/1.1\r\nHost: h\r\nX:\r\n\r\n",
		"expect":           "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
		"letters of names": "GET /%7Euser?a[]=b HTTP/1.1\r\nHost: h\r\nX-Name: \xc3\xa4\r\n\r\n",
	} {
		for way, from := range map[string]io.Reader{
			"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)), "in halves": iotest.HalfReader(strings.NewReader(text)),
		} {
			got, err := io.ReadAll(&reader{from: from})
			if string(got) != text || err != nil {
				t.Errorf("%s, %s: %q, %v", name, way, got, err)
			}
		}
	}
}

// TestReaderRefuses: each of these is read differently by some server (RFC 9112 11.2).
func TestReaderRefuses(t *testing.T) {
	field := func(f string) string { return "POST /a HTTP/1.1\r\nHost: h\r\n" + f + "\r\n\r\n" }
	for name, text := range map[string]string{
		"length and chunks":       field("Content-Length: 5\r\nTransfer-Encoding: chunked"),
		"two lengths":             field("Content-Length: 5\r\nContent-Length: 5"),
		"a list of lengths":       field("Content-Length: 5, 5"),
		"a signed length":         field("Content-Length: +5"),
		"a length in hexadecimal": field("Content-Length: 0x5"),
		"a length of 20 digits":   field("Content-Length: 18446744073709551621"),
		"an empty length":         field("Content-Length:"),
		"two codings":             field("Transfer-Encoding: gzip, chunked"),
		"an unknown coding":       field("Transfer-Encoding: xchunked"),
		"two coding fields":       field("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
		"a folded line":           field("X: a\r\n b"),
		"a folded first line":     "GET /a HTTP/1.1\r\n Host: h\r\n\r\n",
		"a blank before a colon":  field("Content-Length : 5"),
		"a blank name":            field(": x"),
		"no colon":                field("X"),
		"an underscore":           field("Content_Length: 5"),
		"two authorizations":      field("Authorization: Basic eDp5\r\nAuthorization: Bearer z"),
		"two hosts":               field("Host: other"),
		"no host":                 "GET /a HTTP/1.1\r\nX: y\r\n\r\n",
		"an empty host":           "GET /a HTTP/1.1\r\nHost:\r\n\r\n",
		"a bare LF":               "GET /a HTTP/1.1\nHost: h\n\n",
		"a bare LF in a field":    field("X: a\nContent-Length: 5"),
		"a bare CR":               field("X: a\rContent-Length: 5"),
		"a zero":                  field("X: a\x00"),
		"a control byte":          field("X: a\x01"),
		"a trailer":               field("Trailer: Authorization\r\nTransfer-Encoding: chunked"),
		"an expectation":          field("Expect: a-miracle"),
		"HTTP/1.0":                "GET /a HTTP/1.0\r\nHost: h\r\n\r\n",
		"HTTP/2":                  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"no version":              "GET /a\r\nHost: h\r\n\r\n",
		"two blanks":              "GET  /a HTTP/1.1\r\nHost: h\r\n\r\n",
		"a blank in the target":   "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
		"a tab":                   "GET\t/a HTTP/1.1\r\nHost: h\r\n\r\n",
		"an empty line first":     "\r\n" + good,
		"a backslash":             "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n",
		"a fragment":              "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
		"101 fields":              field(strings.Repeat("X: y\r\n", 100) + "Z: y"),
		"a long head":             field("X: " + strings.Repeat("y", headLimit)),
		"a long line with no end": strings.Repeat("y", headLimit+1),
	} {
		got, err := io.ReadAll(&reader{from: strings.NewReader(text + good)})
		if len(got) != 0 || !errors.Is(err, errHead) && !errors.Is(err, errTooLong) {
			t.Errorf("%s: passed %q, %v", name, got, err)
		}
	}
	chunked := "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, body := range map[string]string{
		"an extension": "5;a=b\r\nhello\r\n0\r\n\r\n", "no hexadecimal": "5g\r\nhello\r\n0\r\n\r\n", "a signed size": "+5\r\nhello\r\n0\r\n\r\n",
		"a longer chunk": "5\r\nhello!\r\n0\r\n\r\n", "a bare LF": "5\nhello\r\n0\r\n\r\n", "a trailer": "0\r\nAuthorization: x\r\n\r\n",
		"a size that wraps": "10000000000000005\r\nhello\r\n0\r\n\r\n", "an empty size": "\r\nhello\r\n0\r\n\r\n",
	} {
		got, err := io.ReadAll(&reader{from: strings.NewReader(chunked + body + good)})
		if !errors.Is(err, errHead) || bytes.Contains(got, []byte(good)) {
			t.Errorf("chunks, %s: passed %q, %v", name, got, err)
		}
	}
}

// TestReaderUpgrade: after an upgrade the bytes are passed on as they are.
func TestReaderUpgrade(t *testing.T) {
	const frames = "\x81\x05hello\n\x00"
	r := &reader{from: strings.NewReader(good + frames)}
	got := make([]byte, len(good))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != good {
		t.Fatalf("%q, %v", got, err)
	}
	r.raw.Store(true)
	if rest, err := io.ReadAll(r); string(rest) != frames || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// FuzzReader: what comes out is a prefix of what went in, and the same however it is
// cut.
func FuzzReader(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n" + good))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err := io.ReadAll(&reader{from: bytes.NewReader(b)})
		cut, err2 := io.ReadAll(&reader{from: iotest.OneByteReader(bytes.NewReader(b))})
		if !bytes.HasPrefix(b, whole) || !bytes.Equal(whole, cut) || (err == nil) != (err2 == nil) {
			t.Errorf("%q, %v; byte by byte %q, %v", whole, err, cut, err2)
		}
	})
}
