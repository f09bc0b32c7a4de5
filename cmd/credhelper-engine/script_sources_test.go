package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/credhelper/credhelper/helper/server/sourcetest"
)

// The servers of a script that sources of secrets ask.
type sourcesKey struct{}

func sourceNamed[T any](ts *testscript.TestScript, name string) T {
	s, is := ts.Value(sourcesKey{}).(map[string]any)[name].(T)
	if !is {
		ts.Fatalf("there is no such server %s", name)
	}
	return s
}

// vaultLogin is a login by AppRole, or by a JWT.
func vaultLogin(mount, role, proof string, paths []string) sourcetest.Login {
	body := map[string]string{"role": role, "jwt": proof}
	if mount == "approle" {
		body = map[string]string{"role_id": role, "secret_id": proof}
	}
	return sourcetest.Login{Mount: mount, Body: body, Policy: sourcetest.Policy{Read: paths, Write: paths}, Lease: time.Hour, Renewable: true}
}

func cmdVault(ts *testscript.TestScript, _ bool, args []string) {
	v := sourcetest.NewVault(sourcetest.VaultOptions{Logins: []sourcetest.Login{vaultLogin(args[1], args[2], args[3], args[4:])}})
	ts.Defer(v.Close)
	ts.Value(sourcesKey{}).(map[string]any)[args[0]] = v
	ts.Setenv(args[0], v.URL())
}

func cmdVaultPut(ts *testscript.TestScript, _ bool, args []string) {
	data := map[string]any{}
	for _, pair := range args[2:] {
		name, value, _ := strings.Cut(pair, "=")
		data[name] = value
	}
	sourceNamed[*sourcetest.Vault](ts, args[0]).Put(args[1], data)
}

func cmdVaultDo(ts *testscript.TestScript, _ bool, args []string) {
	v := sourceNamed[*sourcetest.Vault](ts, args[0])
	switch args[1] {
	case "delete":
		v.Delete(args[2])
	case "seal", "unseal":
		v.Seal(args[1] == "seal")
	case "revoke":
		v.Revoke()
	case "redirect":
		v.Redirect(args[2])
	case "login":
		v.SetLogins(vaultLogin(args[2], args[3], args[4], args[5:]))
	default:
		ts.Fatalf("vault-do: no %s", args[1])
	}
}

func cmdVaultRequests(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	v := sourceNamed[*sourcetest.Vault](ts, args[0])
	if got := v.Count(args[1]); got != want {
		ts.Fatalf("%d requests, want %d: %+v", got, want, v.Requests())
	}
}

func cmdRunner(ts *testscript.TestScript, _ bool, args []string) {
	r := sourcetest.NewRunner(args[1])
	ts.Defer(r.Close)
	ts.Value(sourcesKey{}).(map[string]any)[args[0]] = r
	ts.Setenv(args[0], r.URL())
}

func cmdIDTokens(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := sourceNamed[*sourcetest.Runner](ts, args[0]).Count(); got != want {
		ts.Fatalf("%d ID tokens, want %d", got, want)
	}
}
