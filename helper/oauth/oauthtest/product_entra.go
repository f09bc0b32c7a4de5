package oauthtest

import (
	"fmt"
	"strings"
)

// entraTenant is the tenant that TokenURL names when no client has one.
const entraTenant = "11111111-2222-3333-4444-555555555555"

// entra is Microsoft Entra ID's v2.0 endpoint: id and secret in the form (Basic
// works, too), a scope that ends in /.default, errors with AADSTS codes. Source:
// MicrosoftDocs/entra-docs, v2-oauth2-client-creds-grant-flow.md and
// reference-error-codes.md; statuses from bodies quoted in public issues.
var entra = Product{
	Name: "entra", tokenPath: entraPath("/oauth2/v2.0/token"), isToken: entraIs("/oauth2/v2.0/token"), token: entraToken, api: plainAPI, tooMany: plainTooMany,
}

// entraV1 is the v1.0 endpoint: a resource instead of a scope, and numbers as
// texts in its answer (Microsoft's Azure Data Explorer and Partner Center pages).
var entraV1 = Product{
	Name: "entra-v1", tokenPath: entraPath("/oauth2/token"), isToken: entraIs("/oauth2/token"), token: entraV1Token, api: plainAPI, tooMany: plainTooMany,
}

func entraPath(end string) func(*Server) string {
	return func(s *Server) string { return "/" + s.tenant() + end }
}

func entraIs(end string) func(string) bool {
	return func(path string) bool {
		tenant, found := strings.CutSuffix(path, end)
		return found && len(tenant) > 1 && strings.Count(tenant, "/") == 1
	}
}

// tenant is the first one that a client is registered in.
func (s *Server) tenant() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.Tenant != "" {
			return c.Tenant
		}
	}
	return entraTenant
}

// entraTrace is Entra's id of a request, which it says with tokens and with errors.
const entraTrace = "7b1e3c0a-5d5f-4a55-9d0c-3f0f2f7c1a00"

func entraToken(s *Server, a tokenRequest) response {
	c, refusal := s.entraClient(a)
	if refusal != nil {
		return *refusal
	}
	scope := a.form.Get("scope")
	switch {
	case scope == "":
		return s.aadsts(400, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
	case strings.Contains(scope, "%"), !strings.HasSuffix(scope, "/.default"):
		return s.aadsts(400, "invalid_scope", 1002012, "The provided value for scope "+scope+" is not valid. Client credential flows must have a "+
			"scope value with /.default suffixed to the resource identifier (application ID URI).")
	case strings.Contains(scope, " "):
		return s.aadsts(400, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input "+
			"parameter 'scope' is not valid. The scope "+scope+" is not valid.")
	case !entraKnows(c, scope):
		return s.aadsts(400, "invalid_resource", 500011, "The resource principal named "+strings.TrimSuffix(scope, "/.default")+" was not found in the "+
			"tenant named Example. This can happen if the application has not been installed by the administrator of the tenant or consented to by any "+
			"user in the tenant. You might have sent your authentication request to the wrong tenant.")
	}
	token, seconds := s.issue(c, scope)
	return response{200, [][2]string{{"x-ms-request-id", entraTrace}}, map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}}
}

func entraV1Token(s *Server, a tokenRequest) response {
	c, refusal := s.entraClient(a)
	if refusal != nil {
		return *refusal
	}
	resource := a.form.Get("resource")
	if resource == "" {
		return s.aadsts(400, "invalid_request", 900144, "The request body must contain the following parameter: 'resource'.")
	}
	token, seconds := s.issue(c, resource)
	text, until := fmt.Sprint(seconds), fmt.Sprint(s.options.Now().Unix()+seconds)
	return response{200, nil, map[string]any{
		"token_type": "Bearer", "expires_in": text, "ext_expires_in": text, "expires_on": until, "not_before": "1",
		"resource": resource, "access_token": token,
	}}
}

func entraKnows(c Client, scope string) bool {
	if c.Scopes == nil {
		return true
	}
	for _, s := range c.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// entraClient are the refusals about who asks, in the order in which Entra looks:
// the tenant, the form, the application, its secret.
func (s *Server) entraClient(a tokenRequest) (Client, *response) {
	refuse := func(status int, code string, number int, text string) (Client, *response) {
		answer := s.aadsts(status, code, number, text)
		return Client{}, &answer
	}
	tenant := strings.Split(a.path, "/")[1]
	c, known, right := s.authenticate(a, "either")
	switch {
	case !s.hasTenant(tenant):
		return refuse(400, "invalid_request", 90002, "Tenant '"+tenant+"' not found. Check to make sure you have the correct tenant ID and are signing "+
			"into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.")
	case a.id == "":
		return refuse(400, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
	case a.form.Get("grant_type") != "client_credentials":
		return refuse(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '"+a.form.Get("grant_type")+"'.")
	case !known, c.Tenant != "" && c.Tenant != tenant:
		return refuse(400, "unauthorized_client", 700016, "Application with identifier '"+a.id+"' was not found in the directory 'Example'. This can happen "+
			"if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your "+
			"authentication request to the wrong tenant.")
	case a.way == "none":
		return refuse(401, "invalid_client", 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
	case c.Expired:
		return refuse(401, "invalid_client", 7000222, "The provided client secret keys for app '"+a.id+"' are expired. Visit the Azure portal to create new "+
			"keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.")
	case !right && a.way == "assertion":
		return refuse(401, "invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	case !right:
		return refuse(401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "+
			"value, not the client secret ID, for a secret added to app '"+a.id+"'.")
	}
	return c, nil
}

func (s *Server) hasTenant(tenant string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.Tenant == tenant || c.Tenant == "" && tenant == entraTenant {
			return true
		}
	}
	return false
}

// aadsts is an error as Entra writes it: the description is followed by ids and
// a time, and the ids come again as members.
func (s *Server) aadsts(status int, code string, number int, text string) response {
	const trace, correlation = entraTrace, "1f0c8e6d-7a43-4a0e-b0b4-6f5c2f8f9e21"
	when := s.options.Now().UTC().Format("2006-01-02 15:04:05Z")
	return response{status, [][2]string{{"Content-Type", "application/json; charset=utf-8"}, {"x-ms-request-id", trace}}, map[string]any{
		"error":             code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, text, trace, correlation, when),
		"error_codes":       []int{number}, "timestamp": when, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", number),
	}}
}
