// Package release holds the tests of what scripts/release makes, behind the build tag
// release: scripts/test-release makes it and runs these. They install it as users do, in
// roots of their own.
package release
