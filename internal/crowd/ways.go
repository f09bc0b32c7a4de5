package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/connector"
)

// Way is an interface through which a process asks.
type Way string

// The interfaces.
const (
	Library Way = "helper.Get"     // in the process
	Source  Way = "TokenSource"    // an oauth2.TokenSource over it
	Plugin  Way = "plugin"         // go-plugin's gRPC to credhelper plugin
	Serve   Way = "serve"          // JSON lines to credhelper serve --stdio
	Command Way = "credhelper get" // a process for each call
)

// asker asks for the order's profile through one interface. It is safe for concurrent
// use.
type asker struct {
	ask   func() (answer, error)
	close func()
	child int // the process that answers; 0: none
}

// open prepares the order's interface.
func (o Order) open() (*asker, error) {
	for _, row := range [...]struct {
		way  Way
		open func(Order) (*asker, error)
	}{{Library, openLibrary}, {Source, openSource}, {Plugin, openPlugin}, {Serve, openServe}, {Command, openCommand}} {
		if row.way == o.Way {
			return row.open(o)
		}
	}
	return nil, fmt.Errorf("no way %q", o.Way)
}

// of asks an Answerer.
func of(a protocol.Answerer, profile string) func() (answer, error) {
	return func() (answer, error) {
		c, err := a.Get(context.Background(), protocol.Request{Verb: protocol.Get, Profile: profile})
		return answer{c.Secret.Reveal(), c.Expires}, err
	}
}

func openLibrary(o Order) (*asker, error) {
	config, err := helper.FromEnvironment(o.Env, os.Getuid())
	if err != nil {
		return nil, err
	}
	return &asker{ask: of(helper.New(config), o.Profile), close: func() {}}, nil
}

func openSource(o Order) (*asker, error) {
	config, err := helper.FromEnvironment(o.Env, os.Getuid())
	if err != nil {
		return nil, err
	}
	source := &bearer.TokenSource{Answerer: helper.New(config), Request: protocol.Request{Profile: o.Profile}}
	ask := func() (answer, error) {
		t, err := source.Token()
		if err != nil {
			return answer{}, err
		}
		return answer{t.AccessToken, t.Expiry.Unix()}, nil
	}
	return &asker{ask: ask, close: func() {}}, nil
}

func openPlugin(o Order) (*asker, error) {
	client, err := connector.Dial(connector.Config{Path: o.executable(), Env: o.Env})
	if err != nil {
		return nil, err
	}
	children := childrenOf(os.Getpid())
	if len(children) != 1 {
		client.Close()
		return nil, fmt.Errorf("%d processes beside the connector, want 1", len(children))
	}
	return &asker{ask: of(client, o.Profile), close: client.Close, child: children[0]}, nil
}

func (o Order) executable() string { return filepath.Join(o.Bin, "credhelper") }

// reply is the part of a native reply that is used.
type reply struct {
	ID      int       `json:"id"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (r reply) answer() (answer, error) {
	switch {
	case r.Error != nil:
		return answer{}, fmt.Errorf("%s (%d)", r.Error.Message, r.Error.Code)
	case r.Token == "":
		return answer{}, errors.New("a reply without a token")
	}
	return answer{r.Token, r.Expires.Unix()}, nil
}

func openCommand(o Order) (*asker, error) {
	request, err := json.Marshal(map[string]string{"profile": o.Profile})
	if err != nil {
		return nil, err
	}
	ask := func() (answer, error) {
		cmd := exec.Command(o.executable(), "get")
		cmd.Env = o.Env
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(request), &stderr
		out, err := cmd.Output()
		if err != nil {
			return answer{}, fmt.Errorf("%w: %s", err, stderr.String())
		}
		var r reply
		if err := json.Unmarshal(out, &r); err != nil {
			return answer{}, err
		}
		return r.answer()
	}
	return &asker{ask: ask, close: func() {}}, nil
}
