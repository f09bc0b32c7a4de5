package door

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// direct answers token requests where they are read, with the same handler. Clients that
// keep no token send one before each call, and net/http would spend more time on it than the
// door does: on a goroutine that watches the connection, on deadlines and contexts. net/http
// gets all other requests, and those that did not come as a whole or ask for something
// special of their connection.
type direct struct {
	handler *Handler
	conn    *conn

	request  *http.Request // used again for each
	body     body
	values   []string // of its fields
	out      []byte
	extended time.Time // when the deadline of the idle connection was set last
}

// body is that of a request.
type body struct{ bytes.Reader }

// Close implements io.Closer.
func (*body) Close() error { return nil }

// prepare makes what all requests of the connection share, at the first of them.
func (d *direct) prepare() {
	r := &http.Request{Method: http.MethodPost, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: &d.body}
	d.request = r.WithContext(context.WithValue(context.Background(), connKey{}, d.conn))
	d.values = make([]string, fieldsLimit+1)
}

// answer answers a request whose head was checked. done is false if net/http has to; last
// reports whether the connection ends with the answer.
func (d *direct) answer(head string, body []byte) (done, last bool) {
	line, fields, _ := strings.Cut(head, "\r\n")
	target, ok := strings.CutPrefix(strings.TrimSuffix(line, " HTTP/1.1"), "POST ")
	if !ok || !strings.HasPrefix(target, "/") || !d.handler.TokenPath(target) || !d.read(target, fields) || !d.handler.direct.begin() {
		return false, false
	}
	defer d.handler.direct.done()
	d.body.Reset(body)
	d.request.ContentLength = int64(len(body))
	reply, ok := d.handler.vet(d.request)
	if ok {
		reply = d.handler.serveLocal(d.request, true)
	}
	now := time.Now()
	if now.Sub(d.extended) > idleTime/10 { // net/http does so after each of its requests
		d.extended = now
		_ = d.conn.Conn.SetReadDeadline(now.Add(idleTime))
	}
	d.out = reply.append(d.out[:0], now)
	_, err := d.conn.Conn.Write(d.out)
	return true, reply.Last || err != nil
}

// read reads a head into the request, as net/http would. It returns false if net/http has
// to answer.
func (d *direct) read(target, fields string) bool {
	if d.request == nil {
		d.prepare()
	}
	r := d.request
	if r.RequestURI != target {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return false
		}
		r.RequestURI, r.URL = target, u
	}
	clear(r.Header)
	for i := range d.values {
		var line string
		if line, fields, _ = strings.Cut(fields, "\r\n"); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		name, value = http.CanonicalHeaderKey(name), strings.Trim(value, " \t")
		if more := r.Header[name]; more != nil {
			r.Header[name] = append(more, value)
			continue
		}
		d.values[i] = value
		r.Header[name] = d.values[i : i+1 : i+1]
	}
	r.Host = r.Header.Get("Host")
	delete(r.Header, "Host")
	connection := r.Header["Connection"] // "keep-alive" says what is so anyway
	plain := len(connection) == 0 || len(connection) == 1 && strings.EqualFold(connection[0], "keep-alive")
	return plain && r.Header["Expect"] == nil && r.Header["Upgrade"] == nil
}

// append appends the reply as it is sent.
func (r Reply) append(b []byte, now time.Time) []byte {
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(r.Status), 10)
	b = append(append(append(b, ' '), http.StatusText(r.Status)...), "\r\nDate: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	r.fields(func(name, value string) {
		b = append(append(append(append(b, "\r\n"...), name...), ": "...), value...)
	})
	return append(append(b, "\r\n\r\n"...), r.Body...)
}
