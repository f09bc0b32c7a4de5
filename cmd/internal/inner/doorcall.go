package inner

import (
	"encoding/json"

	"github.com/credhelper/credhelper/protocol"
)

// The door is served by the third executable, and the engine knows the commands' flags.
// It passes them on as one argument, in JSON. There is no secret in it.

// ProxyCall is a call of credhelper proxy.
type ProxyCall struct {
	Listen string   `json:"listen"`          // HOST:PORT
	Names  []string `json:"names,omitempty"` // further values of the Host field: NAME or NAME:PORT
	TLS    bool     `json:"tls,omitempty"`
}

// CACall is a call of credhelper proxy ca.
type CACall struct {
	New   bool     `json:"new,omitempty"` // make another one
	Names []string `json:"names,omitempty"`
}

// LendCall is a call of credhelper lend. One of To, Rotate, Revoke, Accept is set; none
// lists the guests.
type LendCall struct {
	Profile string `json:"profile,omitempty"`
	To      string `json:"to,omitempty"`
	Rotate  string `json:"rotate,omitempty"`
	Revoke  string `json:"revoke,omitempty"`
	Accept  string `json:"accept,omitempty"`

	Expires string   `json:"expires,omitempty"` // a time span, or a date
	Overlap string   `json:"overlap,omitempty"`
	Token   string   `json:"token,omitempty"`
	Methods []string `json:"methods,omitempty"`
	Paths   []string `json:"paths,omitempty"`
	From    []string `json:"from,omitempty"`
	Users   []string `json:"users,omitempty"` // names or ids
	Azure   []string `json:"azure,omitempty"`
	Cookies bool     `json:"cookies,omitempty"`
	InPath  bool     `json:"in_path,omitempty"`

	JSON       bool   `json:"json,omitempty"`
	SecretFile string `json:"secret_file,omitempty"`
	Terminal   bool   `json:"terminal,omitempty"` // stdout is one
}

// ExecCall is a call of credhelper exec --door. "--", the program's path, its name and its
// arguments follow it as they are: JSON has no bytes that are not UTF-8.
type ExecCall struct {
	Profile string `json:"profile"`
	protocol.Narrowing
	Token   string   `json:"token,omitempty"` // local, or real
	Azure   bool     `json:"azure,omitempty"`
	TLS     bool     `json:"tls,omitempty"`
	Without []string `json:"without,omitempty"` // variables that the command does not get
}

// Argument encodes a call of the door as an argument.
func Argument(call any) string {
	text, _ := json.Marshal(call)
	return string(text)
}

// ReadArgument decodes it.
func ReadArgument(text string, into any) error {
	if json.Unmarshal([]byte(text), into) != nil {
		return protocol.Policy("credhelper and its executables are not of the same release")
	}
	return nil
}

// DefaultListen is where a door listens by default.
const DefaultListen = "127.0.0.1:7717"
