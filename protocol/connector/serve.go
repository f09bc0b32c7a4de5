package connector

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/printable"
)

// ServeConfig is the configuration of Serve.
type ServeConfig struct {
	Answerer protocol.Answerer
	// SocketDir is the directory of the socket. It has mode 0700, because the socket's
	// own mode depends on the umask (T2).
	SocketDir string
	// HostLives reports whether the host may still exist; it is called a few times a
	// second while the host has no connection. It is nil if that cannot be determined.
	HostLives func() bool
}

// CheckHost checks that this process was started as a plugin: by a host that knows
// Handshake, speaks a version that we do and has a certificate. Its errors wrap
// ErrMalformed for a person, with a text that says what the command is for, and
// ErrPolicy for a host with another version or without mutual TLS: otherwise any
// process on this machine that can reach the socket could ask for tokens (T2).
func CheckHost() error {
	if os.Getenv(Handshake.MagicCookieKey) != Handshake.MagicCookieValue {
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "plugin is for connectors: programs that start it and ask it for tokens through go-plugin",
			Hint: "a person or a script wants: credhelper token NAME",
		}
	}
	if err := checkVersions("credhelper", "the connector", offered()); err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(os.Getenv("PLUGIN_CLIENT_CERT")))
	if block == nil {
		return protocol.Policy("plugin: the host sent no certificate: it must use go-plugin's AutoMTLS")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return protocol.Policy("plugin: the host's certificate cannot be read")
	}
	return checkDebug()
}

// Serve answers the host that started this process, until the host ends it or is gone,
// or ctx is done. It uses the process's stdout, on which go-plugin greets the host.
// Errors are those of CheckHost, or say why no socket could be opened.
func Serve(ctx context.Context, config ServeConfig) error {
	if err := CheckHost(); err != nil {
		return err
	}
	// go-plugin reads these only from the environment. A group with access to the
	// socket is refused, whatever the host asks for.
	if err := errors.Join(os.Setenv(goplugin.EnvUnixSocketDir, config.SocketDir), os.Unsetenv(goplugin.EnvUnixSocketGroup)); err != nil {
		return err
	}
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	failed := new(firstLine)
	answers := &server{answerer: config.Answerer}
	served := make(chan struct{})
	defer close(served)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: versions(answers),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: failed, DisableTime: true}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			host := newHost(config.HostLives)
			s := grpc.NewServer(append(append(options, serverOptions()...), grpc.StatsHandler(host))...)
			go func() {
				host.wait(ctx, served)
				s.Stop()
			}()
			return s
		},
	})
	answers.finish(endTime)
	return failed.err()
}

// serverOptions returns the options of the server; see dialOptions for the windows.
// Workers keep the stacks that a call has grown.
func serverOptions() []grpc.ServerOption {
	const workers, calls = 4, 128
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(calls),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(wireWindow),
		grpc.NumStreamWorkers(workers),
	}
}

// firstLine keeps the first line of go-plugin's log, the only place where it reports a
// failure.
type firstLine struct {
	mu   sync.Mutex
	text string
}

// Write implements io.Writer.
func (f *firstLine) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text == "" {
		f.text = printable.Line(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (f *firstLine) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text == "" {
		return nil
	}
	return protocol.Policy("plugin: " + f.text)
}

// contract implements go-plugin's interface for both ends.
type contract struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server // of the plugin; nil in the host
}

var _ goplugin.GRPCPlugin = (*contract)(nil)

// GRPCServer implements go-plugin's GRPCPlugin for the plugin.
func (c *contract) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterConnectorServer(s, c.server)
	return nil
}

// GRPCClient implements go-plugin's GRPCPlugin for the host.
func (c *contract) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return wire.NewConnectorClient(conn), nil
}

// server answers calls. A failure is part of the answer; a gRPC status means that the
// connection is broken.
type server struct {
	wire.UnimplementedConnectorServer
	answerer protocol.Answerer
	running  sync.WaitGroup
}

// Get implements wire.ConnectorServer.
func (s *server) Get(ctx context.Context, m *wire.Request) (*wire.GetReply, error) {
	s.running.Add(1)
	defer s.running.Done()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, err := s.get(ctx, m)
	if err != nil {
		return &wire.GetReply{Answer: &wire.GetReply_Failure{Failure: failure(err)}}, nil
	}
	return &wire.GetReply{Answer: &wire.GetReply_Credential{Credential: c}}, nil
}

func (s *server) get(ctx context.Context, m *wire.Request) (*wire.Credential, error) {
	r, err := request(protocol.Get, m)
	if err != nil {
		return nil, err
	}
	c, err := s.answerer.Get(ctx, r)
	if err != nil {
		return nil, err
	}
	return credentialMessage(c)
}

// Forget implements wire.ConnectorServer.
func (s *server) Forget(ctx context.Context, m *wire.Request) (*wire.ForgetReply, error) {
	s.running.Add(1)
	defer s.running.Done()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := request(protocol.Forget, m)
	if err == nil {
		err = s.answerer.Forget(ctx, r)
	}
	return &wire.ForgetReply{Failure: failure(err)}, nil
}

// finish waits for calls that still run, because they may have something to store.
// Their contexts are done since the connection is closed.
func (s *server) finish(atMost time.Duration) {
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(atMost):
	}
}
