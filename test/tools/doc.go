// Package tools holds the tests of real tools, behind the build tag tools:
// scripts/test-tools installs them and runs these. Each tool talks to loopback
// servers that demand the token, and each test prints the requests that the
// servers saw.
package tools
