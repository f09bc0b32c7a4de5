package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdProxy starts a proxy that refuses everybody: proxy NAME STATUS. $NAME is its host
// and port.
func cmdProxy(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.Listener.Addr().String())
}
