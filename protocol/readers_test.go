package protocol_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// told is what a tool reads in an answer. What its dialect cannot say is zero.
type told struct {
	token    string
	header   string // name of the field; "" if the tool names it itself
	value    string // of the field, whole
	username string
	expires  int64
}

// readers read answers the way the tools do, with nothing of this package: the
// judges of what Encode wrote.
var readers = map[string]func(shape, answer string) (told, error){
	"get":            readNative,
	"bazel":          readNative,
	"token":          readPlain,
	"header":         readPlain,
	"git":            readGit,
	"docker":         readDocker,
	"terraform":      readTerraform,
	"kubectl":        readKubectl,
	"cargo":          readCargo,
	"goauth":         readGoauth,
	"python-keyring": readKeyring,
	"pnpm":           readPnpm,
	"mcp":            readMCP,
}

// agree reads an answer back and compares it with the credential.
func agree(o outcome) error {
	read := readers[o.dialect.Name]
	if read == nil {
		return fmt.Errorf("there is none for %s", o.dialect.Name)
	}
	got, err := read(o.request.Shape, string(o.stdout))
	if err != nil {
		return err
	}
	c := o.credential
	header, value := c.Header, c.Secret.Reveal()
	if header == "" {
		header = "Authorization"
	}
	if c.Scheme != "" {
		value = c.Scheme + " " + value
	}
	username := c.Username
	if username == "" {
		username = "oauth2"
	}
	switch {
	case got.token != "" && got.token != c.Secret.Reveal():
		return errors.New("another token")
	case got.value != "" && got.value != value:
		return errors.New("another value of the header")
	case got.token == "" && got.value == "":
		return errors.New("no token")
	case got.header != "" && got.header != header:
		return fmt.Errorf("header %s, want %s", got.header, header)
	case got.username != "" && got.username != username:
		return fmt.Errorf("user name %q, want %q", got.username, username)
	case got.expires != 0 && got.expires != c.Expires:
		return fmt.Errorf("expires %d, want %d", got.expires, c.Expires)
	}
	return nil
}

// oneLine is the answer without its only line end.
func oneLine(answer string) (string, error) {
	line, ok := strings.CutSuffix(answer, "\n")
	if !ok || strings.ContainsAny(line, "\r\n") {
		return "", errors.New("not one line")
	}
	return line, nil
}

// readJSON reads one object in one line.
func readJSON(answer string, into any) error {
	line, err := oneLine(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(line), into)
}

// oneHeader reads an object of one header.
func oneHeader(headers map[string][]string) (told, error) {
	for name, values := range headers {
		if len(headers) != 1 || len(values) != 1 {
			break
		}
		return told{header: name, value: values[0]}, nil
	}
	return told{}, errors.New("not one header")
}

func readNative(_, answer string) (told, error) {
	var a struct {
		Headers map[string][]string
		Expires string
		Token   string
	}
	if err := readJSON(answer, &a); err != nil {
		return told{}, err
	}
	end, err := time.Parse("2006-01-02T15:04:05Z", a.Expires) // as strict as Bazel
	if err != nil {
		return told{}, err
	}
	got, err := oneHeader(a.Headers)
	got.token, got.expires = a.Token, end.Unix()
	return got, err
}

func readPlain(shape, answer string) (told, error) {
	switch shape {
	case "json":
		return readNative(shape, answer)
	case "headers-json":
		return readMCP(shape, answer)
	case "curl-config":
		return readCurlConfig(answer)
	case "git-include":
		return readGitInclude(answer)
	}
	line, err := oneLine(answer)
	if err != nil {
		return told{}, err
	}
	between := func(before, after string) (told, error) {
		text, ok := strings.CutPrefix(line, before)
		text, closed := strings.CutSuffix(text, after)
		if !ok || !closed {
			return told{}, errors.New("not quoted")
		}
		return told{token: text}, nil
	}
	switch shape {
	case "token":
		return told{token: line}, nil
	case "header":
		name, value, _ := strings.Cut(line, ": ")
		return told{header: name, value: value}, nil
	case "env":
		return between("export BEARER_TOKEN='", "'")
	case "env-fish":
		return between("set -gx BEARER_TOKEN '", "'")
	case "env-powershell":
		return between("$env:BEARER_TOKEN = '", "'")
	case "netrc":
		f := strings.Fields(line)
		if len(f) != 6 || f[0] != "machine" || f[2] != "login" || f[4] != "password" {
			return told{}, errors.New("not an entry of netrc")
		}
		return told{username: f[3], token: f[5]}, nil
	}
	return told{}, fmt.Errorf("no reader for %s", shape)
}

// readCurlConfig reads quoted values as curl(1) describes them under --config.
func readCurlConfig(answer string) (told, error) {
	var got told
	for line := range strings.Lines(answer) {
		name, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ` = "`)
		quoted, closed := strings.CutSuffix(quoted, `"`)
		if !ok || !closed {
			return got, errors.New("not a quoted option")
		}
		var value strings.Builder
		for i := 0; i < len(quoted); i++ {
			if quoted[i] == '\\' {
				i++
			} else if quoted[i] == '"' {
				return got, errors.New("a quote inside")
			}
			value.WriteByte(quoted[i])
		}
		switch name {
		case "header":
			got.header, got.value, _ = strings.Cut(value.String(), ": ")
		case "url":
		default:
			return got, fmt.Errorf("option %s", name)
		}
	}
	return got, nil
}

// readGitInclude reads sections as git-config(1) describes its files: every one
// has the same header and lets git follow no redirect.
func readGitInclude(answer string) (told, error) {
	var got told
	if strings.Count(answer, "\n[http \"http")+1 != strings.Count(answer, "\n\tfollowRedirects = false\n") {
		return got, errors.New("a section without followRedirects")
	}
	for line := range strings.Lines(answer) {
		name, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ` = "`)
		if !ok {
			continue
		}
		quoted, closed := strings.CutSuffix(quoted, `"`)
		value := strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(quoted)
		header, rest, _ := strings.Cut(value, ": ")
		if name != "\textraHeader" || !closed || got.header != "" && (got.header != header || got.value != rest) {
			return got, fmt.Errorf("variable %q", line)
		}
		got.header, got.value = header, rest
	}
	return got, nil
}

// readGit is credential_read of git, with the doubt of R8: every key at most
// once, none but those that a helper may say.
func readGit(_, answer string) (told, error) {
	values := map[string]string{}
	for line := range strings.Lines(answer) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || !strings.HasSuffix(line, "\n") || strings.ContainsAny(line, "\r\x00") {
			return told{}, errors.New("not a line of git")
		}
		if key == "capability[]" {
			key += value
		}
		if _, twice := values[key]; twice {
			return told{}, fmt.Errorf("%s twice", key)
		}
		switch key {
		case "capability[]authtype", "capability[]state", "authtype", "credential", "ephemeral",
			"username", "password", "password_expiry_utc", "continue", "state[]":
		default:
			return told{}, fmt.Errorf("key %s (R8)", key)
		}
		values[key] = value
	}
	expires, err := strconv.ParseInt(values["password_expiry_utc"], 10, 64)
	if err != nil {
		return told{}, err
	}
	_, announced := values["capability[]authtype"]
	_, header := values["credential"]
	_, pair := values["password"]
	if header == pair || header != announced {
		return told{}, errors.New("not one of the two forms")
	}
	if pair {
		return told{username: values["username"], token: values["password"], expires: expires}, nil
	}
	return told{value: values["authtype"] + " " + values["credential"], expires: expires}, nil
}

func readDocker(_, answer string) (told, error) {
	var a struct{ ServerURL, Username, Secret string }
	if err := readJSON(answer, &a); err != nil {
		return told{}, err
	}
	if a.ServerURL == "" || a.Username == "" || a.Username == "<token>" {
		return told{}, errors.New("no server, or not a user name")
	}
	return told{username: a.Username, token: a.Secret}, nil
}

func readTerraform(_, answer string) (told, error) {
	var a map[string]string
	err := readJSON(answer, &a)
	return told{token: a["token"]}, err
}

func readKubectl(_, answer string) (told, error) {
	var a struct {
		APIVersion, Kind string
		Status           struct{ Token, ExpirationTimestamp string }
	}
	if err := readJSON(answer, &a); err != nil {
		return told{}, err
	}
	end, err := time.Parse(time.RFC3339, a.Status.ExpirationTimestamp)
	if err != nil || a.Kind != "ExecCredential" || !strings.HasPrefix(a.APIVersion, "client.authentication.k8s.io/v1") {
		return told{}, fmt.Errorf("not an ExecCredential: %v", err)
	}
	return told{token: a.Status.Token, expires: end.Unix()}, nil
}

// readCargo reads the last line; those before are the greeting and other answers.
func readCargo(shape, answer string) (told, error) {
	if shape == "line" {
		return readPnpm(shape, answer)
	}
	all := strings.SplitAfter(strings.TrimSuffix(answer, "\n"), "\n")
	var a struct {
		Ok struct {
			Kind, Token, Cache string
			Expiration         int64
		}
	}
	err := json.Unmarshal([]byte(all[len(all)-1]), &a)
	return told{value: a.Ok.Token, expires: a.Ok.Expiration}, err
}

// readGoauth reads one set as the go command does: prefixes, an empty line,
// header lines, an empty line.
func readGoauth(_, answer string) (told, error) {
	urls, rest, ok := strings.Cut(answer, "\n\n")
	if !ok || !strings.HasSuffix(rest, "\n\n") || strings.Count(rest, "\n") != 2 {
		return told{}, errors.New("not one set")
	}
	for _, url := range strings.Split(urls, "\n") {
		if !strings.HasPrefix(url, "https://") {
			return told{}, fmt.Errorf("prefix %q", url)
		}
	}
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(rest))).ReadMIMEHeader()
	if err != nil {
		return told{}, err
	}
	got, err := oneHeader(header)
	got.header = "" // the canonical form of the name hides how it was written
	return got, err
}

func readKeyring(shape, answer string) (told, error) {
	var a struct{ Username, Password string }
	switch shape {
	case "password json", "creds json":
		err := readJSON(answer, &a)
		return told{username: a.Username, token: a.Password}, err
	case "creds plain":
		user, rest, _ := strings.Cut(answer, "\n")
		password, err := oneLine(rest)
		return told{username: user, token: password}, err
	}
	password, err := oneLine(answer)
	return told{token: password}, err
}

func readPnpm(_, answer string) (told, error) {
	line, err := oneLine(answer)
	return told{value: line}, err
}

func readMCP(_, answer string) (told, error) {
	var a map[string]string
	if err := readJSON(answer, &a); err != nil {
		return told{}, err
	}
	headers := http.Header{}
	for name, value := range a {
		headers[name] = []string{value}
	}
	return oneHeader(headers)
}
