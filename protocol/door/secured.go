package door

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// tlsReader reads from a connection with TLS. A client that speaks plain HTTP there gets
// one answer that it can read.
type tlsReader struct {
	*tls.Conn
	answered bool
}

func (r *tlsReader) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	var plain tls.RecordHeaderError
	if !r.answered && errors.As(err, &plain) && plain.Conn != nil && beginsRequest(plain.RecordHeader) {
		r.answered = true
		answerPlain(plain.Conn)
	}
	return n, err
}

// beginsRequest reports whether these bytes begin a request of HTTP/1.1: a method in
// capitals, and perhaps a space and the path.
func beginsRequest(head [5]byte) bool {
	for i, c := range head {
		if c == ' ' {
			return i > 2
		}
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// answerPlain says that TLS is spoken here. The rest of the request is read, for a moment,
// because to close with something unread would take the answer back.
func answerPlain(c net.Conn) {
	body := string(plainBody(400, "credhelper: this address speaks TLS only: write https:// in its URL"))
	_ = c.SetDeadline(time.Now().Add(plainTime))
	_, err := io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nServer: credhelper\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: "+
		strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n"+body)
	if half, ok := c.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c, plainMost)
	}
}

const (
	plainTime = time.Second
	plainMost = 64 << 10
)
