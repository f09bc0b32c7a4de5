package main

import (
	"bytes"
	"net/url"
	"strings"
)

// sameServer tells whether the last of all answers to address came from the
// server that was asked first. A 401 of another one, where curl was redirected
// without the token, says nothing about the token: it must not be able to make us
// fetch a new one for each call.
func sameServer(address string, headers []byte) bool {
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

// locations are the Location fields of the answers that another one follows.
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
