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

// Config describes the credhelper that a Client starts.
type Config struct {
	// Path is the executable: an absolute path, or a name to find in PATH (never in the
	// current directory, T5); "" is "credhelper".
	Path string
	// Args are the arguments; nil is "plugin".
	Args []string
	// Env is added to credhelper's environment, which otherwise has only the variables
	// that it always needs (CREDHELPER_HOME, HOME, proxies and the like): for a profile
	// with secret = ["env", NAME], for example. Nothing else is passed on (T7).
	Env []string
	// Warnings receives credhelper's stderr: lines for people, without secrets; nil
	// discards them.
	Warnings io.Writer
}

// Client asks a credhelper process that it starts. It is safe for concurrent use. If
// the process ends, the next call starts another.
type Client struct {
	config Config

	mu     sync.Mutex
	link   *link          // the one in use; never nil
	ending sync.WaitGroup // links that are no longer in use
	closed bool
}

var _ protocol.Answerer = (*Client)(nil)

// errClosed is the error of calls after Close.
var errClosed = protocol.Malformed("the client is closed")

// Dial starts credhelper and returns when it is ready, which takes at least 25 ms. The
// process ends with Close, or with this program, however that ends. Errors wrap a
// sentinel of package protocol; after ErrPolicy trying again is pointless.
func Dial(config Config) (*Client, error) {
	if err := checkDebug(); err != nil {
		return nil, err
	}
	if config.Path == "" {
		config.Path = "credhelper"
	}
	path, err := exec.LookPath(config.Path)
	if err != nil {
		return nil, protocol.Policy("credhelper is not installed: " + printable.Line(err.Error()))
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

// Close ends credhelper and returns when it has ended, after 2 s at most. Pending calls
// fail.
func (c *Client) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.dismiss()
	}
	c.mu.Unlock()
	c.ending.Wait()
}

// dismiss ends the link in use, in the background.
func (c *Client) dismiss() {
	old := c.link
	c.ending.Go(old.end)
}

// current returns the link in use, or a new one if that can no longer be used.
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

// call makes one call. If credhelper ended during the call, or at its start, it repeats
// the call with another process: this is safe, because a Get changes nothing and a
// Forget names its token.
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
		// Canceled, but not by the caller: another call found that the process had
		// ended and closed the connection after we had looked it up.
		broken := status.Code(err) == codes.Unavailable || status.Code(err) == codes.Canceled && limited.Err() == nil
		// A plugin that exceeds its own time limit hangs, and would do so for the next
		// call.
		if broken || ctx.Err() == nil && limited.Err() != nil {
			l.giveUp()
		}
		if !broken || try > 0 || limited.Err() != nil {
			return unreachable("credhelper plugin does not answer", err)
		}
	}
}

// Get implements protocol.Answerer. An answer takes at most 8 s; 2 s later the call
// fails with ErrUnreachable. If credhelper ended meanwhile, the call is repeated once.
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
