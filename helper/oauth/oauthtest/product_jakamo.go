package oauthtest

import "strings"

// jakamo is Entra in front and Jakamo's API behind: XML as UBL has it, one
// permission group per application, so a client that is barred has the wrong one.
// Source: Jakamo's pages "OAuth2" and "Sales Order API". Its error bodies are not
// published; these are as short as an error can be.
var jakamo = Product{
	Name: "jakamo", tokenPath: entraPath("/oauth2/v2.0/token"), isToken: entraIs("/oauth2/v2.0/token"), token: entraToken, api: jakamoAPI, tooMany: plainTooMany,
}

const jakamoOrder = `<?xml version="1.0" encoding="UTF-8"?>
<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
       xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:ID>4500012345</cbc:ID>
  <cbc:IssueDate>2026-11-23</cbc:IssueDate>
</Order>
`

func jakamoAPI(s *Server, path string, r Request) response {
	record, _, good := s.bearer(r)
	switch {
	case !good:
		return xml(401, "<error>Unauthorized</error>\n")
	case record.client.Barred:
		return xml(403, "<error>Forbidden</error>\n")
	case strings.HasPrefix(path, "/api/order/") && r.Method == "POST" && !strings.Contains(r.Body, "OrderResponse"):
		return xml(400, "<error>OrderResponse expected</error>\n")
	case strings.HasPrefix(path, "/api/order/") && r.Method == "POST":
		return xml(200, "<status>OK</status>\n")
	case strings.HasPrefix(path, "/api/order/"):
		return xml(200, jakamoOrder)
	}
	return xml(404, "<error>Not Found</error>\n")
}

func xml(status int, body string) response {
	return response{status, [][2]string{{"Content-Type", "application/xml;charset=UTF-8"}}, body}
}
