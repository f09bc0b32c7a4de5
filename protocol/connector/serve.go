package connector

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"time"

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
	// Stdout is the process's, on which the host reads one line.
	Stdout io.Writer
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
	_, err := hostCertificate()
	return err
}

func hostCertificate() (*x509.Certificate, error) {
	if os.Getenv(Handshake.MagicCookieKey) != Handshake.MagicCookieValue {
		return nil, &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "plugin is for connectors: programs that start it and ask it for tokens through go-plugin",
			Hint: "a person or a script wants: credhelper token NAME",
		}
	}
	if err := checkVersions("credhelper", "the connector", offered()); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(os.Getenv("PLUGIN_CLIENT_CERT")))
	if block == nil {
		return nil, protocol.Policy("plugin: the host sent no certificate: it must use go-plugin's AutoMTLS")
	}
	host, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, protocol.Policy("plugin: the host's certificate cannot be read")
	}
	return host, checkDebug()
}

// Serve answers the host that started this process, until the host ends it or is gone,
// or ctx is done. It ignores SIGINT: a terminal sends it to the whole job, and the host
// ends the plugin when it is done.
// Errors are those of CheckHost, or say why no socket could be opened.
func Serve(ctx context.Context, config ServeConfig) error {
	host, err := hostCertificate()
	if err != nil {
		return err
	}
	own, err := certificate()
	if err != nil {
		return err
	}
	socket, err := listen(config.SocketDir)
	if err != nil {
		return protocol.Policy("plugin: " + printable.Line(err.Error()))
	}
	socket = multiplex(socket)
	defer socket.Close()
	answers := &server{answerer: config.Answerer}
	ctx, end := context.WithCancel(ctx)
	defer end()
	s, err := newServer(ctx, config, answers, mutual(own, host))
	if err != nil {
		return err
	}
	defer answers.finish(endTime)
	defer s.Stop()
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	_, _ = io.WriteString(config.Stdout, greeting(common(offered()), socket.Addr(), own)) // HostLives sees that nobody reads it
	if err := s.Serve(socket); err != nil && !errors.Is(err, net.ErrClosed) {
		return protocol.Policy("plugin: " + printable.Line(err.Error()))
	}
	return nil
}

// newServer returns a server of our services and of those that every plugin has. It
// stops when ctx is done or the host is gone.
func newServer(ctx context.Context, config ServeConfig, answers *server, mutual *tls.Config) (s *grpc.Server, err error) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	services := &goplugin.GRPCServer{
		Plugins: versions(answers)[common(offered())], TLS: mutual, Stdout: silence{}, Stderr: silence{},
		Server: func(options []grpc.ServerOption) *grpc.Server {
			host := newHost(config.HostLives)
			s = grpc.NewServer(append(append(options, serverOptions()...), grpc.StatsHandler(host))...)
			go func() {
				host.wait(ctx)
				s.Stop()
			}()
			return s
		},
	}
	return s, services.Init()
}

// silence is what a plugin passes on of its stdout and stderr: nothing, and no end.
type silence struct{}

// Read implements io.Reader.
func (silence) Read([]byte) (int, error) { select {} }

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
