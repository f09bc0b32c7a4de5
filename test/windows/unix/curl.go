//go:build windows

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// transfer is what curl was asked for.
type transfer struct {
	method, url, output, headers, format, ca, body string
	fail, include, get                             bool
	header                                         http.Header
}

// curl makes one request, and knows the options that credhelper gives, in a configuration
// on stdin, and a few of a person's.
func curl(c *call) error {
	t := transfer{header: http.Header{"User-Agent": {"curl/8"}}}
	for i := 0; i < len(c.args); i++ {
		arg, value := c.args[i], ""
		if i+1 < len(c.args) {
			value = c.args[i+1]
		}
		if arg == "--config" && value == "-" {
			if err := t.configure(c.in); err != nil {
				return err
			}
			i++
			continue
		}
		var names []string
		switch {
		case strings.HasPrefix(arg, "--"):
			names = []string{arg[2:]}
		case strings.HasPrefix(arg, "-"):
			names = strings.Split(arg[1:], "")
		default:
			t.url = arg
		}
		for _, name := range names {
			used, err := t.option(name, value)
			if err != nil {
				return err
			}
			if used {
				i++
			}
		}
	}
	return t.run(c)
}

// configure reads lines such as: name = "value".
func (t *transfer) configure(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, quoted := strings.Cut(lines.Text(), " = ")
		if quoted {
			var err error
			if value, err = strconv.Unquote(value); err != nil {
				return err
			}
		}
		if _, err := t.option(strings.TrimSpace(name), value); err != nil {
			return err
		}
	}
	return lines.Err()
}

// option reports whether an option has used its value.
func (t *transfer) option(name, value string) (used bool, err error) {
	switch name {
	case "disable", "no-progress-meter", "globoff", "suppress-connect-headers", "tlsv1.2", "tlsv1.3", "s", "S", "silent", "show-error":
		return false, nil
	case "f", "fail":
		t.fail = true
		return false, nil
	case "i", "include":
		t.include = true
		return false, nil
	case "G", "get":
		t.get = true
		return false, nil
	case "I", "head":
		t.method, t.include = "HEAD", true
		return false, nil
	case "proto", "proto-redir", "noproxy", "capath":
	case "url":
		t.url = value
	case "H", "header":
		key, text, _ := strings.Cut(value, ": ")
		t.header.Add(key, text)
	case "A", "user-agent":
		t.header.Set("User-Agent", value)
	case "u", "user":
		t.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
	case "d", "data", "data-urlencode":
		if key, text, _ := strings.Cut(value, "="); name == "data-urlencode" {
			value = key + "=" + url.QueryEscape(text)
		}
		if t.body != "" {
			t.body += "&"
		}
		t.body += value
		t.header.Set("Content-Type", "application/x-www-form-urlencoded")
	case "X", "request":
		t.method = value
	case "o", "output":
		t.output = value
	case "w", "write-out":
		t.format = value
	case "dump-header":
		t.headers = value
	case "cacert":
		t.ca = value
	default:
		return false, fmt.Errorf("no option %s here", name)
	}
	return true, nil
}

func (t *transfer) run(c *call) error {
	if t.get {
		t.url, t.body = t.url+"?"+t.body, ""
	}
	if t.method == "" && t.body != "" {
		t.method = "POST"
	}
	request, err := http.NewRequest(t.method, t.url, strings.NewReader(t.body))
	if err != nil {
		return err
	}
	request.Header = t.header
	roots := x509.NewCertPool()
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			return exit(77)
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	response, err := transport.RoundTrip(request)
	if unknown := new(x509.UnknownAuthorityError); errors.As(err, unknown) {
		return exit(60)
	}
	if err != nil {
		fmt.Fprintln(c.said, "curl: (7)", err)
		return exit(7)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return t.write(c, response, body)
}

func (t *transfer) write(c *call, response *http.Response, body []byte) error {
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s\r\n", response.Proto, response.Status)
	if err := response.Header.Write(&head); err != nil {
		return err
	}
	head.WriteString("\r\n")
	if t.headers != "" {
		if err := os.WriteFile(t.headers, head.Bytes(), 0o600); err != nil {
			return err
		}
	}
	if t.fail && response.StatusCode >= 400 {
		fmt.Fprintf(c.said, "curl: (22) The requested URL returned error: %d\n", response.StatusCode)
		return exit(22)
	}
	if t.include {
		body = append(head.Bytes(), body...)
	}
	if t.output != "" {
		if err := os.WriteFile(c.path(t.output), body, 0o666); err != nil {
			return err
		}
	} else if _, err := c.out.Write(body); err != nil {
		return err
	}
	_, err := io.WriteString(c.out, strings.NewReplacer("%{http_code}", strconv.Itoa(response.StatusCode), `\n`, "\n").Replace(t.format))
	return err
}
