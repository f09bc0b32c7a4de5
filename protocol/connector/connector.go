// Package connector gives long-running programs tokens from credhelper, as a plugin of
// github.com/hashicorp/go-plugin. The program is the host; "credhelper plugin" is the
// plugin that it starts and that ends with it.
//
//	host: Client.Get -> wire.Request -> gRPC, mutual TLS, a socket in a closed directory
//	plugin: Serve -> protocol.Answerer (the helper) -> wire.GetReply
//
// Client is a protocol.Answerer like the helper itself, with the same sentinels. It
// validates each answer, so that the program need not trust the other process. Only
// this package imports go-plugin and gRPC, which add milliseconds to every start of a
// program.
package connector

import (
	"os"
	"strings"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhelper/credhelper/protocol"
)

// Handshake is shared by both ends. The cookie is not for security: it only lets
// credhelper distinguish a host from a person who typed "credhelper plugin". Mutual TLS
// keeps other programs out.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  uint(contractVersions[0]),
	MagicCookieKey:   "CREDHELPER_CONNECTOR",
	MagicCookieValue: "v1",
}

// Name is the plugin's name in go-plugin's set.
const Name = "connector"

const (
	// answerTime is the time limit of an answer, as for every tool.
	answerTime = 8 * time.Second
	// wireTime is how long a client waits in addition.
	wireTime = 2 * time.Second
	// maxMessage is the maximum size of a message: a token has at most 16,384 bytes
	// (A16), a URL 8,192 (O3).
	maxMessage = 64 << 10
)

// checkDebug refuses Go's own HTTP/2 tracing, which prints every frame, and so every
// token, to stderr (T8).
func checkDebug() error {
	if strings.Contains(os.Getenv("GODEBUG"), "http2debug") {
		return protocol.Policy("GODEBUG=http2debug prints tokens: take it out of the environment")
	}
	return nil
}
