package connector

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Config says which credhelper a Client starts.
type Config struct {
	// Path is the executable: an absolute path, or a name to be found in PATH (T5:
	// never in the current directory); "" is "credhelper".
	Path string
	// Args are the arguments; nil is "plugin".
	Args []string
	// Env is what credhelper gets in its environment besides what it always needs
	// (CREDHELPER_HOME, HOME, proxies and the like, from this program's): for a
	// profile with secret = ["env", NAME], say. Nothing else is passed on (T7).
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
	link   *link          // the one in use; never nil
	ending sync.WaitGroup // links that are not in use any more
	closed bool
}

var _ protocol.Answerer = (*Client)(nil)

// errClosed is what calls get after Close.
var errClosed = malformed("the client is closed")

// Dial starts credhelper and returns when it is ready, after 25 ms or more. Close
// ends it; so does the end of this program, however it comes. Errors wrap a sentinel
// of package protocol: ErrPolicy for what will not get better by trying again.
func Dial(config Config) (*Client, error) {
	if err := checkDebug(); err != nil {
		return nil, err
	}
	if config.Path == "" {
		config.Path = "credhelper"
	}
	path, err := exec.LookPath(config.Path)
	if err != nil {
		return nil, policy("credhelper is not installed: " + printable.Line(err.Error()))
	}
	config.Path = path
	if config.Args == nil {
		config.Args = []string{"plugin"}
	}
	if config.Warnings == nil {
		config.Warnings = io.Discard
	}
	c := &Client{config: config, link: newLink(config, 0)}
	go c.link.start()
	if _, err := c.link.remote(context.Background()); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends credhelper and returns when it has ended, after 2 s at most. Calls
// that wait for an answer fail.
func (c *Client) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.dismiss()
	}
	c.mu.Unlock()
	c.ending.Wait()
}

// dismiss ends the link in use, in its own time.
func (c *Client) dismiss() {
	old := c.link
	c.ending.Go(old.end)
}

// current is the link in use: another one if that is of no use any more.
func (c *Client) current() (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if !c.link.useless() {
		return c.link, nil
	}
	c.dismiss()
	c.link = newLink(c.config, c.link.failures())
	go c.link.start()
	return c.link, nil
}

// call does one call. If credhelper ended in the middle, or at its start, it is
// done once more by the next one: calls may be repeated, since a Get is a question
// and a Forget names the token that it is about.
func (c *Client) call(ctx context.Context, do func(context.Context, wire.ConnectorClient) error) error {
	limited, cancel := context.WithTimeout(ctx, answerTime+wireTime)
	defer cancel()
	for try := 0; ; try++ {
		l, err := c.current()
		if err != nil {
			return err
		}
		remote, err := l.remote(limited)
		if errors.Is(err, protocol.ErrUnreachable) && try == 0 && limited.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		if err = do(limited, remote); err == nil {
			return nil
		}
		// Canceled, but not by the caller: another call found the process gone and closed
		// the connection between our finding it and our use.
		broken := status.Code(err) == codes.Unavailable || status.Code(err) == codes.Canceled && limited.Err() == nil
		// A plugin that does not keep its own time hangs, and will for the next call.
		if broken || ctx.Err() == nil && limited.Err() != nil {
			l.giveUp()
		}
		if !broken || try > 0 || limited.Err() != nil {
			return unreachable("credhelper plugin does not answer", err)
		}
	}
}

// Get implements protocol.Answerer. An answer takes at most 8 s; 2 s later the
// call fails with ErrUnreachable. If credhelper ended meanwhile, the call is
// repeated once.
func (c *Client) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	m, err := requestMessage(r)
	if err != nil {
		return protocol.Credential{}, err
	}
	var reply *wire.GetReply
	err = c.call(ctx, func(ctx context.Context, remote wire.ConnectorClient) (err error) {
		reply, err = remote.Get(ctx, m)
		return err
	})
	if err != nil {
		return protocol.Credential{}, err
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
	var reply *wire.ForgetReply
	err = c.call(ctx, func(ctx context.Context, remote wire.ConnectorClient) (err error) {
		reply, err = remote.Forget(ctx, m)
		return err
	})
	if err != nil {
		return err
	}
	return errorOf(reply.GetFailure())
}

func unreachable(what string, err error) error {
	return &protocol.Error{Kind: protocol.ErrUnreachable, Text: what + ": " + printable.Line(err.Error())}
}
