// Package windows tests credhelper as it is built for Windows, under Wine. The tests have
// the build tag wine: scripts/test-windows installs Wine, builds the executables into a
// Windows of its own, and runs them. They run on Linux, beside the authorization server.
package windows
