// Package door serves programs that can call no helper, but have a URL and two text
// fields (docs/door.md). At one local address they find the token endpoint of their
// authorization server, the API itself with the bearer token added, and Azure's managed
// identity.
//
// A local API is one file and one row of Doors: pure functions over a request of limited
// size. Handler serves them, and passes everything else on to the API.
package door

import (
	"errors"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Ask is a request to a local API, of limited size.
type Ask struct {
	Method string
	Path   string // escaped, as sent
	Query  Parameters
	Header Fields
	Form   Parameters // of a body in application/x-www-form-urlencoded; nil: there is none
	Token  bool       // the path is that of a guest's token endpoint
}

// Fields are the header fields that rows may read; "" for one that was not sent.
type Fields [len(askFields)]string

var askFields = [...]string{authorization: "Authorization", identityHeader: "X-Identity-Header", secretHeader: "Secret"}

const (
	authorization = iota
	identityHeader
	secretHeader
)

// Claim is what the caller proves who it is with.
type Claim struct {
	ID     string      // client id; "" if the carrier has none
	Secret secret.Text // the guest's secret, or a local token
	Basic  bool        // it came as Basic, so a refusal asks for Basic (RFC 6749 5.2)
	InPath bool        // it came as the first segment of the path
	// ForAPI is true for a request to the API, where a local token is a proof. It is none
	// where tokens are issued: it would renew itself, or become the server's.
	ForAPI bool
}

// Wish is what the caller asks for, once its claim is accepted.
type Wish struct {
	Resource string // Azure: what the token is for
	Client   string // Azure: the client id of the profile
	// Narrowing is the scope and the audience that a token request asks for.
	Narrowing protocol.Narrowing
	Form      uint8 // which form of answer; defined by the row
}

// Grant is the answer's token.
type Grant struct {
	Token   secret.Text
	Expires int64 // Unix seconds
	Life    int64 // seconds from now
	Type    string
}

// Reply is an answer.
type Reply struct {
	Status     int
	Body       []byte
	Challenge  string // of WWW-Authenticate; "" for none
	RetryAfter int64  // seconds; 0 for none
	Last       bool   // the connection ends with it
}

// Door is a local API. All functions are pure.
type Door struct {
	// Match reports whether a request is for this API.
	Match func(Ask) bool
	// Decode reads the request. Its errors wrap ErrMalformed, ErrGrant, ErrScope or
	// ErrClaim.
	Decode func(Ask) (Claim, Wish, error)
	// Encode writes the answer.
	Encode func(Wish, Grant) Reply
	// Refuse writes the answer for a failure; err is never nil.
	Refuse func(Claim, error) Reply
}

// Doors lists the local APIs. To add one, add a row and a file.
var Doors = [...]*Door{oauthDoor, azureDoor}

var (
	// ErrClaim: there is no claim, or it is not that of an accepted guest.
	ErrClaim = errors.New("the client id, secret or token is not known here")
	// ErrGrant: the request asks for another grant than client_credentials.
	ErrGrant = errors.New("only grant_type=client_credentials is answered here")
	// ErrScope: the request asks for a scope or an audience that the profile does not
	// allow.
	ErrScope = errors.New("the scope or the audience is not one of the profile's")
)

// find returns the row that a request is for; nil if it is for the API.
func find(a Ask) *Door {
	for _, d := range Doors {
		if d.Match(a) {
			return d
		}
	}
	return nil
}
