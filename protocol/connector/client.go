package connector

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
)

// Config says which credhelper a Client starts.
type Config struct {
	// Path is the executable: an absolute path, or a name to be found in PATH (T5:
	// never in the current directory); "" is "credhelper".
	Path string
	// Args are the arguments; nil is "plugin".
	Args []string
	// Env is added to this program's environment: CREDHELPER_HOME=..., mostly.
	Env []string
	// Warnings gets credhelper's stderr: lines for people, without secrets; nil
	// drops them.
	Warnings io.Writer
}

// Client asks a credhelper that it started itself. Many goroutines may use one.
// If that credhelper ends, the next call starts another.
type Client struct {
	config Config

	mu     sync.Mutex
	plugin *goplugin.Client // nil before the first start and after Close
	remote wire.ConnectorClient
	closed bool
}

var _ protocol.Answerer = (*Client)(nil)

// Dial starts credhelper and returns when it is ready, after 25 ms or more. Close
// ends it; so does the end of this program, however it comes. Errors wrap a sentinel
// of package protocol.
func Dial(config Config) (*Client, error) {
	if err := checkDebug(); err != nil {
		return nil, err
	}
	if config.Path == "" {
		config.Path = "credhelper"
	}
	path, err := exec.LookPath(config.Path)
	if err != nil {
		return nil, policy("credhelper is not installed: " + line(err.Error()))
	}
	config.Path = path
	if config.Args == nil {
		config.Args = []string{"plugin"}
	}
	if config.Warnings == nil {
		config.Warnings = io.Discard
	}
	c := &Client{config: config}
	if _, err := c.connect(); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends credhelper.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.stop()
}

func (c *Client) stop() {
	if c.plugin != nil {
		c.plugin.Kill()
	}
	c.plugin, c.remote = nil, nil
}

// connect returns the other end of the wire, starting it if there is none.
func (c *Client) connect() (wire.ConnectorClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, malformed("the client is closed")
	}
	if c.plugin != nil && !c.plugin.Exited() {
		return c.remote, nil
	}
	c.stop()
	cmd := exec.Command(c.config.Path, c.config.Args...)
	cmd.Env = c.config.Env
	said := &stderrLine{to: c.config.Warnings}
	c.plugin = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		Plugins:          goplugin.PluginSet{Name: &contract{}},
		Cmd:              cmd,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		StartTimeout:     answerTime + wireTime,
		Logger:           hclog.NewNullLogger(),
		Stderr:           said,
		GRPCDialOptions:  []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage))},
	})
	if err := c.dispense(); err != nil {
		c.stop()
		return nil, unreachable("credhelper plugin did not start", said.or(err))
	}
	return c.remote, nil
}

// dispense speaks the handshake.
func (c *Client) dispense() error {
	wireEnd, err := c.plugin.Client()
	if err != nil {
		return err
	}
	raw, err := wireEnd.Dispense(Name)
	if err != nil {
		return err
	}
	remote, ok := raw.(wire.ConnectorClient)
	if !ok {
		return errors.New("it speaks another protocol")
	}
	c.remote = remote
	return nil
}

// Get implements protocol.Answerer. An answer takes at most 8 s; 2 s later the
// call fails with ErrUnreachable, as it does if credhelper ended meanwhile.
func (c *Client) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	m, err := requestMessage(r)
	if err != nil {
		return protocol.Credential{}, err
	}
	remote, err := c.connect()
	if err != nil {
		return protocol.Credential{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime+wireTime)
	defer cancel()
	reply, err := remote.Get(ctx, m)
	if err != nil {
		return protocol.Credential{}, unreachable("credhelper plugin does not answer", err)
	}
	if f := reply.GetFailure(); f != nil {
		return protocol.Credential{}, errorOf(f)
	}
	return credential(reply.GetCredential())
}

// Forget implements protocol.Answerer: call it with the token that the API
// refused (401), then Get again.
func (c *Client) Forget(ctx context.Context, r protocol.Request) error {
	m, err := requestMessage(r)
	if err != nil {
		return err
	}
	remote, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime+wireTime)
	defer cancel()
	reply, err := remote.Forget(ctx, m)
	if err != nil {
		return unreachable("credhelper plugin does not answer", err)
	}
	return errorOf(reply.GetFailure())
}

func unreachable(what string, err error) error {
	return &protocol.Error{Kind: protocol.ErrUnreachable, Text: what + ": " + line(err.Error())}
}

// stderrLine passes stderr on and keeps its first line, which says why a start
// failed better than go-plugin does.
type stderrLine struct {
	mu   sync.Mutex
	to   io.Writer
	text string
}

// Write implements io.Writer; go-plugin writes a line at a time, its end apart.
func (l *stderrLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		l.text = strings.TrimSpace(string(p))
	}
	return l.to.Write(p)
}

// or is what was said on stderr, or err if nothing was. The two come by different
// ways, so stderr gets a moment.
func (l *stderrLine) or(err error) error {
	for range 10 {
		l.mu.Lock()
		text := l.text
		l.mu.Unlock()
		if text != "" {
			return errors.New(text)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}
