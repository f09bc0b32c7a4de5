package oauth

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Hint is advice for a failed token request. Every member that is not zero must be
// equal for the hint to match; the first match is shown. Those of the preset precede
// Hints.
type Hint struct {
	Kind   Kind
	Status int
	Code   string // RFC 6749 "error"
	AADSTS string // digits of Entra's code
	Auth   string // "|"-separated names of client authentications
	Grant  string // "|"-separated names of grants
	Text   string // for a person, one sentence; "{profile}" stands for the profile's name
	Secret bool   // it is the client's secret that was refused, so another one may help
}

// Hints are advice for frequent failures, the most specific first. Entra's are selected
// by code, which Microsoft may change: only hints may depend on one. Source:
// Microsoft's page "Microsoft Entra authentication and authorization error codes" and
// the bodies that users quote.
var Hints = [...]Hint{
	{AADSTS: "7000215", Text: "Entra usually says this when the secret's ID was pasted in place of its value: credhelper rotate {profile}", Secret: true},
	{AADSTS: "7000222", Text: "the client secret has expired; make a new one in Entra under \"Certificates & secrets\", then: credhelper rotate {profile}", Secret: true},
	{AADSTS: "7000216", Text: "Entra wants a secret or a signed assertion and got neither it knows: check client_auth with credhelper edit {profile}"},
	{AADSTS: "7000218", Text: "Entra wants a secret or a signed assertion: check client_auth with credhelper edit {profile}"},
	{AADSTS: "7000112", Text: "the application is disabled in Entra: an administrator of the tenant can enable it"},
	{AADSTS: "700016", Text: "Entra does not know this client id in this tenant: compare both with the registration (credhelper edit {profile})"},
	{AADSTS: "90002", Text: "Entra does not know this tenant, or it is in another cloud: check the tenant id (credhelper edit {profile})"},
	{AADSTS: "900023", Text: "the tenant id is invalid: it is a GUID or a domain name (credhelper edit {profile})"},
	{AADSTS: "1002012", Text: "the scope must be the resource's address followed by /.default, and not percent-encoded (credhelper edit {profile})"},
	{AADSTS: "70011", Text: "Entra does not accept the scope: it must end in /.default (credhelper edit {profile})"},
	{AADSTS: "500011", Text: "the resource in the scope is not known in this tenant: it is misspelt, or its application is not approved there yet"},
	{AADSTS: "501051", Text: "the application is not assigned to a role of the resource: an administrator has to assign it"},
	{AADSTS: "700027", Text: "Entra cannot verify the assertion: the certificate is not, or no longer, uploaded to this application"},
	{AADSTS: "700023", Text: "the assertion's audience is not this tenant's token endpoint (credhelper edit {profile})"},
	{AADSTS: "700021", Text: "the assertion's issuer is not the client id (credhelper edit {profile})"},
	{AADSTS: "530003", Text: "a Conditional Access policy of the tenant blocks this sign-in: ask its administrator"},
	{AADSTS: "53003", Text: "a Conditional Access policy of the tenant blocks this sign-in: ask its administrator"},
	{AADSTS: "65001", Text: "nobody has consented to this permission yet: an administrator of the tenant has to grant it"},
	{AADSTS: "900144", Text: "Entra says that a field is missing in the request: check scopes and client_auth (credhelper edit {profile})"},

	{Code: "invalid_client", Auth: withKey, Text: badSignature},
	{Code: "invalid_client", Auth: withCertificate, Text: badCertificate},
	{Code: "invalid_client", Auth: federated, Text: badFederation},
	{Code: "invalid_client", Auth: "none", Text: badPublic},
	{Code: "invalid_client", Text: badSecret, Secret: true},
	{Code: "invalid_grant", Grant: "refresh_token", Text: "the sign-in is no longer valid: credhelper login {profile}"},
	{Code: "invalid_grant", Grant: "authorization_code|device_code", Text: "the sign-in was not finished in time, or twice; begin again: credhelper login {profile}"},
	{Code: "invalid_grant", Grant: "jwt_bearer", Text: "the server does not accept the assertion: compare its aud, iss, sub and kid with what the server expects, and this machine's clock (credhelper edit {profile})"},
	{Code: "invalid_grant", Grant: "token_exchange", Text: "the server does not accept the subject token: it may have expired, or be of another type or audience (credhelper show {profile})"},
	{Code: "invalid_grant", Text: "the server does not allow this client to use this grant: check grant, and its registration at the server (credhelper edit {profile})"},
	{Code: "unauthorized_client", Text: "this client may not use this grant: check its registration at the server"},
	{Code: "unsupported_grant_type", Text: "the server does not have this grant: check grant with credhelper edit {profile}"},
	{Code: "invalid_scope", Text: "the server does not accept the scopes: check them with credhelper edit {profile}"},
	{Code: "invalid_target", Text: "the server does not know the resource: check resource with credhelper edit {profile}"},
	{Kind: Refused, Status: 404, Text: "there is no token endpoint at this address: check token_url with credhelper edit {profile}"},
	{Kind: Refused, Status: 405, Text: "there is no token endpoint at this address: check token_url with credhelper edit {profile}"},
	{Kind: Refused, Status: 401, Auth: withKey, Text: badSignature},
	{Kind: Refused, Status: 401, Auth: withCertificate, Text: badCertificate},
	{Kind: Refused, Status: 401, Auth: federated, Text: badFederation},
	{Kind: Refused, Status: 401, Auth: "none", Text: badPublic},
	{Kind: Refused, Status: 401, Text: badSecretOrAddress, Secret: true},
	{Kind: Refused, Status: 403, Auth: "client_secret_basic", Text: "check client_auth first, which may have to be \"client_secret_post\", then the credentials and the client's rights; a few servers want basic_encoding = \"raw\" (credhelper edit {profile})"},
	{Kind: Refused, Status: 403, Text: "check client_auth first, then the credentials and the client's rights at the server (credhelper edit {profile})"},
}

// The client authentications, for Hint.Auth, and what is wrong if a server rejects
// them. A new secret helps only with those that use one.
const (
	withKey         = "private_key_jwt"
	federated       = "federation|spiffe"
	withCertificate = "tls_client_auth|self_signed_tls_client_auth"

	badSecret = "the client id or secret is wrong or was deleted; store a new one: credhelper rotate {profile}"
	// Of a 401 without invalid_client (RFC 6749 5.2): any page that wants a login says it.
	badSecretOrAddress = "the client id or secret is wrong or was deleted: credhelper rotate {profile}; or token_url is not the token endpoint: credhelper edit {profile}"

	badSignature   = "the server does not believe the signature: compare assertion.aud, kid and alg with what it wants, and the key with the one registered there (credhelper edit {profile})"
	badCertificate = "the server does not know the client's certificate: compare it and client_id with the registration there (credhelper edit {profile})"
	badFederation  = "the server does not trust the assertion: is it over? compare its iss, sub and aud with what it was told to trust (credhelper edit {profile})"
	badPublic      = "the server knows no such public client: compare client_id with the registration, or the client has to prove itself (client_auth): credhelper edit {profile}"
)

// HintFor returns the advice for a failed token request: the first matching hint of the
// preset, else the failure's own, else the first matching one of Hints, else "".
func HintFor(err error, profile string, own []Hint) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return strings.ReplaceAll(hintFor(e, own), "{profile}", profile)
}

func hintFor(e *Error, own []Hint) string {
	if h := find(own, e).Text; h != "" {
		return h
	}
	if e.AADSTS == "700024" {
		return clocks(e)
	}
	if e.Cure != "" {
		return e.Cure
	}
	if h := find(Hints[:], e).Text; h != "" {
		return h
	}
	switch {
	case e.Kind == Unreachable && e.Status == 0:
		return noAnswer
	case e.Kind == Unreachable: // the address is right if the server asks to try later
		return "try again later; credhelper status shows when"
	}
	return ""
}

// find returns the first hint that fits; zero if there is none.
func find(list []Hint, e *Error) (none Hint) {
	for _, h := range list {
		if h.fits(e) {
			return h
		}
	}
	return none
}

// OfSecret reports whether the server has refused the client's secret, whatever a preset
// says of it.
func (e *Error) OfSecret() bool { return e.Cure == "" && find(Hints[:], e).Secret }

// noAnswer is the advice if no server answered.
const noAnswer = "try again later; if it stays so, is this the server's address, and does it need a proxy? credhelper edit {profile}"

func (h Hint) fits(e *Error) bool {
	return (h.Kind == 0 || h.Kind == e.Kind) && (h.Status == 0 || h.Status == e.Status) &&
		(h.Code == "" || h.Code == e.Code) && (h.AADSTS == "" || h.AADSTS == e.AADSTS) &&
		oneOf(h.Auth, e.Auth) && oneOf(h.Grant, e.Grant)
}

// oneOf reports whether a name is in a list; an empty list contains all.
func oneOf(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, "|"), name)
}

// clocks shows both clocks if an assertion is not valid at this time.
func clocks(e *Error) string {
	if e.Date.IsZero() {
		return "the assertion is not valid now: this machine's clock may be wrong (credhelper doctor)"
	}
	return "the assertion is not valid now: by the server's Date it is " + e.Date.UTC().Format(time.DateTime) +
		" UTC, by this machine's clock " + e.Date.Add(-e.Skew).UTC().Format(time.DateTime)
}
