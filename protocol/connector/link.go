package connector

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/printable"
)

// link is one credhelper process and the connection to it.
type link struct {
	process *process
	plugin  *goplugin.Client

	ready  chan struct{} // closed when the start is over; the fields below are set before
	client wire.ConnectorClient
	err    error // why there is no client
	failed time.Time
	before int // consecutive failed starts before this one

	broken atomic.Bool // it was connected, but no longer answers
}

// newLink prepares a link after a number of failed starts; call start next.
func newLink(config Config, before int) *link {
	l := &link{process: newProcess(config), ready: make(chan struct{}), before: before}
	l.plugin = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: versions(nil),
		RunnerFunc:       l.process.run,
		SkipHostEnv:      true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		StartTimeout:     answerTime + wireTime,
		Logger:           hclog.NewNullLogger(),
		Stderr:           l.process,
		GRPCDialOptions:  dialOptions(),
	})
	return l
}

// Both ends fix the windows of HTTP/2. Otherwise gRPC would measure the delay of the
// network, which costs a ping for each message and so two system calls at each end. A
// message of 64 KiB fits without a window update.
const (
	streamWindow = 1 << 20
	wireWindow   = 4 << 20
)

func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(wireWindow),
		// The connection shows credhelper that this program lives, so it is kept.
		grpc.WithIdleTimeout(0),
		// Client repeats a failed call, with another process.
		grpc.WithDisableRetry(),
	}
}

// start starts the process and performs the handshake.
func (l *link) start() {
	defer close(l.ready)
	raw, err := l.dispense()
	if err == nil {
		var ok bool
		if l.client, ok = raw.(wire.ConnectorClient); ok {
			return
		}
		err = errors.New("it speaks another protocol")
	}
	l.err, l.failed = l.explain(err), time.Now()
}

func (l *link) dispense() (any, error) {
	wireEnd, err := l.plugin.Client()
	if err != nil {
		return nil, err
	}
	return wireEnd.Dispense(Name)
}

// explain makes a one-line error of a failed start. If the versions do not match, or if
// credhelper reports a policy error, trying again is pointless.
func (l *link) explain(err error) error {
	if theirs := l.process.version(); theirs != "" {
		if fit := checkVersions("this connector", "credhelper", theirs); fit != nil {
			return fit
		}
	}
	code, how := l.process.ending()
	reason := l.process.reason()
	if reason == "" && l.process.silent() {
		reason = how
	}
	if reason == "" {
		reason, _, _ = strings.Cut(err.Error(), "\n")
	}
	text := "credhelper plugin did not start: " + printable.Line(reason)
	if code == protocol.ExitCode(protocol.ErrPolicy) {
		return protocol.Policy(text)
	}
	return &protocol.Error{Kind: protocol.ErrUnreachable, Text: text}
}

// remote waits for the start and returns the client of the connection.
func (l *link) remote(ctx context.Context) (wire.ConnectorClient, error) {
	select {
	case <-l.ready:
		return l.client, l.err
	case <-ctx.Done():
		return nil, unreachable("credhelper plugin is not ready yet", ctx.Err())
	}
}

// giveUp marks a link that no longer answers.
func (l *link) giveUp() { l.broken.Store(true) }

// retryTime is how long the error of a second failed start also holds for the following
// calls; for a third it is twice as long, and so on up to a second. A connector with a
// thousand workers must not start a thousand processes.
const retryTime = 250 * time.Millisecond

// failures returns the number of consecutive failed starts up to this one, which is
// over.
func (l *link) failures() int {
	if l.err == nil {
		return 0
	}
	return l.before + 1
}

// useless reports whether calls need another link.
func (l *link) useless() bool {
	select {
	case <-l.ready:
	default:
		return false
	}
	if l.err != nil {
		return time.Since(l.failed) > time.Duration(min(l.before, 4))*retryTime
	}
	return l.broken.Load() || l.process.over()
}

// endTime is how long a process may take to end by itself.
const endTime = time.Second

// end ends the process and releases the resources of the link. It asks the process to
// end if that is known to listen.
func (l *link) end() {
	select {
	case <-l.ready:
	default:
		l.process.terminate()
		select {
		case <-l.ready:
		case <-time.After(endTime):
			_ = l.process.Kill(context.Background())
			<-l.ready
		}
	}
	if l.broken.Load() {
		l.process.terminate()
	}
	l.plugin.Kill()
}
