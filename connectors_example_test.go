package house

import (
	"net/http"
	"os"

	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/connector"
)

// What docs/connectors.md shows in Go is here, letter by letter, so that it
// compiles; TestConnectorsPage compares.

func _() error {
	helper, err := connector.Dial(connector.Config{Warnings: os.Stderr})
	if err != nil {
		return err
	}
	defer helper.Close()
	jama := &http.Client{Transport: &bearer.Transport{Answerer: helper, Profile: "jama"}}
	answer, err := jama.Get("https://example.jamacloud.com/rest/v1/projects")
	_ = answer

	source := &bearer.TokenSource{Answerer: helper, Request: protocol.Request{Profile: "jama"}}
	client := &http.Client{Transport: &oauth2.Transport{Source: source}}
	_ = client
	return err
}

func _() error {
	config, err := helper.FromEnvironment(os.Environ(), os.Getuid())
	if err != nil {
		return err
	}
	config.RunsLong = true
	config.Caller = logfile.Caller{Dialect: "my-service", PID: os.Getpid()}
	jama := &http.Client{Transport: &bearer.Transport{Answerer: helper.New(config), Profile: "jama"}}
	_ = jama
	return nil
}
