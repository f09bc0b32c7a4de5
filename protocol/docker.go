package protocol

import (
	"errors"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Docker's credential helper protocol, which docker, podman, buildah, skopeo, crane,
// oras, helm and jib speak (docker/docker-credential-helpers
// credentials/credentials.go, client/client.go).
//
//	argv    get, store, erase, list or version; nothing else can be configured, so
//	        the profile is in the executable's name: docker-credential-credhelper-NAME
//	stdin   get, erase: the server: HOST, HOST:PORT, HOST:PORT/REPOSITORY or a URL
//	stdout  get: {"ServerURL":"...","Username":"...","Secret":"..."}
//
// The secret is a password: clients send it as Basic, to the registry or to its token
// endpoint. With an empty user name some send nothing, and "<token>" turns the secret
// into a refresh token, so the profile's user name must be neither.
//
// Errors are texts on stdout, with exit 1. Clients compare two of them literally:
// "credentials not found in native keychain" makes them continue without a credential;
// with any other text they stop and show it.
//
// store is refused, because tokens come only from the authorization server. But docker
// login stores the very secret that get returned, and asks for another password if that
// fails. So storing the current token succeeds and does nothing.
//
// A server without a scheme does not say how the client will connect. These clients
// mean https, but crane and other programs built on go-containerregistry (pkg/name
// registry.go), docker and oras fall back to plain http for a private address, for this
// machine and below localhost; older ones also below local. Such a server gets a token
// only if the profile lists it with http://, which is possible for this machine, or
// with docker://, which permits these clients to connect in their way.

var docker = Dialect{
	Name:   "docker",
	Link:   "docker-credential-credhelper",
	Title:  "docker credential helper: docker, podman, skopeo, crane, oras, helm",
	Front:  true,
	Stdin:  stdinDocker,
	Decode: decodeDocker,
	Encode: encodeDocker,
	Refuse: refuseDocker,
}

// Texts that docker's clients compare literally.
const (
	dockerNotFound             = "credentials not found in native keychain"
	dockerNoServer dockerLacks = "no credentials server URL"
	dockerNoUser   dockerLacks = "no credentials username"
)

// dockerLacks says what a request lacks. It is a constant, because a variable with an
// Error would be initialized at every start of the front.
type dockerLacks string

func (e dockerLacks) Error() string { return string(e) }
func (dockerLacks) Unwrap() error   { return ErrMalformed }

// readOnly is the answer to a login.
func readOnly() error {
	return Policy("read-only: tokens come from the profile; nothing was saved, and no login is needed")
}

// dockerStore is the shape of store.
const dockerStore = "store"

func stdinDocker(args []string) Stdin {
	switch operation(args) {
	case "get", "erase":
		return Stdin{EOF, 8 << 10}
	case "store":
		return Stdin{EOF, 64 << 10}
	}
	return Stdin{}
}

func decodeDocker(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) != 1 {
		return r, Malformed("usage: get, store, erase, list or version")
	}
	switch rest[0] {
	case "get":
	case "erase":
		// It names no token: that of the process that was given one was refused, and
		// docker logout, which was given none, drops whichever is cached.
		r.Verb = Forget
	case "store":
		err = readStore(&r, call.Stdin)
		return r, err
	case "list":
		// The docker CLI gets every listed entry, and fails if one of them fails.
		return Request{Verb: Say, Reply: Reply{Stdout: []byte("{}\n")}}, nil
	case "version":
		return Request{Verb: Say, Reply: Reply{Stdout: []byte("docker-credential-credhelper (github.com/credhelper/credhelper)\n")}}, nil
	default:
		return r, Malformed("unknown operation " + printable.Value(rest[0]))
	}
	server := strings.Trim(string(call.Stdin), " \t\r\n")
	r.Asker = server // docker logout erases four spellings, and was asked for none
	err = readServer(&r, server)
	return r, err
}

// readStore parses the credential that a login wants to store.
func readStore(r *Request, stdin []byte) error {
	doc, err := strictjson.Parse(stdin)
	if err != nil || doc.Kind() != strictjson.Object {
		return readOnly()
	}
	switch {
	case strings.TrimSpace(textMember(doc, "ServerURL")) == "":
		return dockerNoServer
	case strings.TrimSpace(textMember(doc, "Username")) == "":
		return dockerNoUser
	}
	offered := textMember(doc, "Secret")
	if !secret.ValidToken(offered, true) || readServer(r, textMember(doc, "ServerURL")) != nil {
		return readOnly()
	}
	r.Shape, r.Offered = dockerStore, secret.New(offered)
	return nil
}

// readServer parses the key by which a client looks for a registry.
func readServer(r *Request, server string) error {
	if server == "" {
		return dockerNoServer
	}
	if strings.Contains(server, "://") {
		return setURL(r, server)
	}
	host, repository, _ := strings.Cut(server, "/")
	u, reason := origin.FromFields("https", host, repository)
	if u.Local() {
		u, reason = origin.FromFields(origin.Bare, host, repository)
	}
	if reason != origin.Release {
		return Policy("no token for this server: " + reason.String())
	}
	r.URL, r.Address = u, server
	return nil
}

func encodeDocker(r Request, c Credential) ([]byte, error) {
	if r.Verb != Get {
		return nil, nil
	}
	if r.Shape == dockerStore {
		if !c.Secret.Equal(r.Offered) {
			return nil, readOnly()
		}
		return nil, nil
	}
	if err := bearerOnly(c, "docker"); err != nil {
		return nil, err
	}
	if c.Username == "<token>" {
		return nil, Policy("profile " + c.Profile + ": the user name <token> would make docker take the token for a refresh token")
	}
	b := make([]byte, 0, 96+len(r.Address)+c.Secret.Len())
	b = strictjson.AppendString(append(b, `{"ServerURL":`...), r.Address)
	b = strictjson.AppendString(append(b, `,"Username":`...), basicUser(c))
	b = strictjson.AppendString(append(b, `,"Secret":`...), c.Secret.Reveal())
	return bounded(append(b, "}\n"...))
}

// refuseDocker puts the error on stdout, where clients read it. On stderr the user
// would see it a second time.
func refuseDocker(r Request, err error) Reply {
	if r.Shape == dockerStore && notOurs(err) {
		err = readOnly()
	}
	switch {
	case notOurs(err) && r.Verb == Forget:
		return Reply{Quiet: true}
	case notOurs(err):
		return Reply{Stdout: []byte(dockerNotFound + "\n"), Exit: 1, Quiet: true}
	case errors.Is(err, dockerNoServer), errors.Is(err, dockerNoUser):
		return Reply{Stdout: []byte(err.Error() + "\n"), Exit: 1, Quiet: true}
	}
	text := "credhelper: " + sentence(err)
	if hint := hintOf(err); hint != "" {
		text += "; " + hint
	}
	return Reply{Stdout: []byte(text + "\n"), Exit: 1, Quiet: true}
}
