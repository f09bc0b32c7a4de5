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

// link is one credhelper and the wire to it, from its start to its end.
type link struct {
	process *process
	plugin  *goplugin.Client

	ready  chan struct{} // closed when the start is over; what follows is set by then
	client wire.ConnectorClient
	err    error // why there is no client
	failed time.Time
	before int // starts that failed one after the other before this one

	broken atomic.Bool // it was there, but does not answer
}

// newLink prepares a link after a number of starts that failed; its start does the
// rest.
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

// Both ends fix the windows of HTTP/2: there is no network whose delay gRPC would
// have to measure, which costs it a ping for each message, and so two system calls
// of each end. A message of 64 KiB fits into them without an update.
const (
	streamWindow = 1 << 20
	wireWindow   = 4 << 20
)

func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(wireWindow),
		// The connection tells credhelper that this program lives, so it stays.
		grpc.WithIdleTimeout(0),
		// A call that fails is repeated by Client, with another credhelper.
		grpc.WithDisableRetry(),
	}
}

// start starts the process and speaks the handshake.
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

// explain makes one line of a start that failed. Versions that do not fit, and
// what credhelper itself calls forbidden, will not get better by trying again.
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
		return policy(text)
	}
	return &protocol.Error{Kind: protocol.ErrUnreachable, Text: text}
}

// remote waits for the start and returns the other end.
func (l *link) remote(ctx context.Context) (wire.ConnectorClient, error) {
	select {
	case <-l.ready:
		return l.client, l.err
	case <-ctx.Done():
		return nil, unreachable("credhelper plugin is not ready yet", ctx.Err())
	}
}

// giveUp marks a link that does not answer.
func (l *link) giveUp() { l.broken.Store(true) }

// retryTime is how long the second of two starts that failed stands for the calls
// that follow, too; a third one twice as long, and so on up to a second. A
// connector with a thousand workers must not start a thousand processes.
const retryTime = 250 * time.Millisecond

// failures counts the starts that failed one after the other up to this one, which
// is over.
func (l *link) failures() int {
	if l.err == nil {
		return 0
	}
	return l.before + 1
}

// useless reports whether calls must go another way.
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

// endTime is what a process has to end by itself.
const endTime = time.Second

// end ends the process, or makes sure that it has ended, and gives back what the
// link holds: gently, if it is known to listen.
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
