package door

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// azureDoor is the managed identity of Azure App Service, as every Azure SDK and MSAL
// asks for it: GET IDENTITY_ENDPOINT?api-version=2019-08-01&resource=R with the header
// X-IDENTITY-HEADER, or the older MSI_ENDPOINT?api-version=2017-09-01&resource=R with
// the header secret. client_id, and clientid in the older form, names the identity.
// Source: learn.microsoft.com/azure/app-service/overview-managed-identity, "REST
// endpoint reference".
//
// The profile is the one whose scope is the resource's ".default". It always gets the
// server's token, because these tokens are sent elsewhere.
var azureDoor = &Door{
	Match:  func(a Ask) bool { return a.Path == AzurePath },
	Decode: decodeAzure,
	Encode: encodeAzure,
	Refuse: refuseAzure,
}

// AzurePath is the path of IDENTITY_ENDPOINT and MSI_ENDPOINT, as on App Service.
const AzurePath = "/msi/token"

// The forms of Azure's request.
const (
	azure2019 uint8 = iota
	azure2017
)

func decodeAzure(a Ask) (c Claim, w Wish, err error) {
	if a.Method != "GET" {
		return c, w, protocol.Malformed("a managed identity is asked for with GET")
	}
	client := "client_id"
	switch version := a.Query.Get("api-version"); version {
	case "2019-08-01":
		c.Secret = secret.New(a.Header[identityHeader])
	case "2017-09-01":
		c.Secret, client, w.Form = secret.New(a.Header[secretHeader]), "clientid", azure2017
	default:
		return c, w, protocol.Malformed("api-version is 2019-08-01 or 2017-09-01")
	}
	w.Resource, w.Client = a.Query.Get("resource"), a.Query.Get(client)
	if w.Resource == "" {
		return c, w, protocol.Malformed("resource is missing")
	}
	return c, w, nil
}

func encodeAzure(w Wish, g Grant) Reply {
	on := strconv.FormatInt(g.Expires, 10)
	if w.Form == azure2017 { // .NET's form of a date
		on = time.Unix(g.Expires, 0).UTC().Format("01/02/2006 15:04:05 +00:00")
	}
	body, _ := json.Marshal(struct {
		Token    string `json:"access_token"`
		On       string `json:"expires_on"`
		Resource string `json:"resource"`
		Type     string `json:"token_type"`
		Client   string `json:"client_id,omitempty"`
	}{g.Token.Reveal(), on, w.Resource, g.Type, w.Client})
	return Reply{Status: 200, Body: body}
}

func refuseAzure(_ Claim, err error) Reply {
	r := Reply{Status: 400}
	switch {
	case errors.Is(err, ErrClaim):
		r.Status = 401
	case errors.Is(err, protocol.ErrMalformed), errors.Is(err, protocol.ErrNoProfile), errors.Is(err, protocol.ErrAmbiguous):
	case passes(err):
		r.Status, r.RetryAfter = 503, retryAfter(err)
	default:
		r.Status = 403
	}
	r.Body, _ = json.Marshal(struct {
		Status  int    `json:"statusCode"`
		Message string `json:"message"`
	}{r.Status, sentence(err)})
	return r
}
