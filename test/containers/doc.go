// Package containers tests credhelper as it runs in a container: in the image that
// examples/kubernetes/Containerfile describes, read-only, as a user without a name, under
// the rules of a container runtime. The tests have the build tag containers:
// scripts/test-containers installs bubblewrap, which makes the containers, and runs them as
// root.
package containers
