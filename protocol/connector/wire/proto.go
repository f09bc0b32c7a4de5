package wire

import _ "embed" // for the contract

// Proto is connector.proto, the contract as connectors in other languages read it.
//
//go:embed connector.proto
var Proto string
