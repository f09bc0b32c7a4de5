// Package release tests what scripts/release makes. The tests have the build tag release:
// scripts/test-release makes a release and runs them. They install it as users do, in
// root directories of their own.
package release
