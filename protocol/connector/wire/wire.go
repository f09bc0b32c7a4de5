// Package wire is what connector.proto becomes in Go; connector is the package
// to use. Its files were made with protoc 3.21.12, protoc-gen-go 1.36.12 and
// protoc-gen-go-grpc 1.6.2.
package wire

//go:generate protoc -I../contract --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative connector.proto
