// Package contract holds connector.proto, the contract of package connector, as
// text: for whoever prints it and must not link gRPC.
package contract

import _ "embed" // for the contract

// Proto is connector.proto, as connectors in other languages read it.
//
//go:embed connector.proto
var Proto string
