package curl

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
)

// SameServer reports whether the last response came from the server that was asked
// first. After a redirect to another server, which did not get the token, a 401 says
// nothing about the token and must not make us fetch a new one for each call.
func SameServer(address string, headers []byte) bool {
	first, err := url.Parse(address)
	if err != nil {
		return false
	}
	at := first
	for _, location := range locations(headers) {
		next, err := at.Parse(location)
		if err != nil {
			return false
		}
		at = next
	}
	return strings.EqualFold(at.Scheme, first.Scheme) && strings.EqualFold(at.Host, first.Host)
}

// locations returns the Location fields of all responses except the last.
func locations(headers []byte) []string {
	var all []string
	location := ""
	for line := range bytes.Lines(headers) {
		text := strings.TrimRight(string(line), "\r\n")
		name, value, _ := strings.Cut(text, ":")
		switch {
		case strings.HasPrefix(text, "HTTP/") && location != "":
			all, location = append(all, location), ""
		case strings.EqualFold(name, "location"):
			location = strings.TrimSpace(value)
		}
	}
	return all
}

// FinalStatus returns the status of the last response with complete headers, and
// whether it is the final one: neither 1xx, nor a redirect that is being followed.
func FinalStatus(headers []byte, follow bool) (status int, final bool) {
	var located bool
	for len(headers) > 0 {
		end := bytes.IndexByte(headers, '\n')
		if end < 0 {
			break
		}
		line := strings.TrimRight(string(headers[:end]), "\r")
		headers = headers[end+1:]
		switch {
		case strings.HasPrefix(line, "HTTP/"):
			final, located = false, false
			status = 0
			if fields := strings.Fields(line); len(fields) > 1 {
				status, _ = strconv.Atoi(fields[1])
			}
		case line == "":
			final = status >= 200 && !(follow && located && status >= 300 && status < 400)
		case len(line) > 9 && strings.EqualFold(line[:9], "location:"):
			located = true
		}
	}
	return status, final
}
