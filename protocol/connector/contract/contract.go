// Package contract holds connector.proto, the contract of package connector, as text,
// for programs that print it without linking gRPC.
package contract

import _ "embed" // for the contract

// Proto is the content of connector.proto.
//
//go:embed connector.proto
var Proto string
