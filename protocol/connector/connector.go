// Package connector is how long-running programs get tokens from credhelper:
// the contract of a plugin of github.com/hashicorp/go-plugin. The program is the
// host, "credhelper plugin" the plugin that it starts and that ends with it.
//
//	host: Client.Get -> wire.Request -> gRPC, mutual TLS, a socket in a closed directory
//	plugin: Serve -> protocol.Answerer (the helper) -> wire.GetReply
//
// Client is a protocol.Answerer like the helper itself, with the same sentinels,
// and checks each answer again: who holds a Client need not trust its other end
// to be well. Only this package imports go-plugin and gRPC, which cost every
// start of a program milliseconds.
package connector

import (
	"os"
	"strings"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhelper/credhelper/protocol"
)

// Handshake is what both ends must know of each other. The cookie is no
// security: it only lets credhelper tell a host from a person who typed
// "credhelper plugin". What keeps others out is mutual TLS.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  uint(known[0]),
	MagicCookieKey:   "CREDHELPER_CONNECTOR",
	MagicCookieValue: "v1",
}

// Name is the plugin's name in go-plugin's set.
const Name = "connector"

const (
	// answerTime is the longest an answer takes, as for every tool.
	answerTime = 8 * time.Second
	// wireTime is what a client waits beyond that.
	wireTime = 2 * time.Second
	// maxMessage bounds a message: a token has at most 16,384 bytes (A16), a URL
	// 8,192 (O3).
	maxMessage = 64 << 10
)

func malformed(text string) error { return &protocol.Error{Kind: protocol.ErrMalformed, Text: text} }
func policy(text string) error    { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }

// checkDebug refuses Go's own tracing of HTTP/2, which prints every frame, and
// so every token, on stderr (T8).
func checkDebug() error {
	if strings.Contains(os.Getenv("GODEBUG"), "http2debug") {
		return policy("GODEBUG=http2debug prints tokens: take it out of the environment")
	}
	return nil
}
