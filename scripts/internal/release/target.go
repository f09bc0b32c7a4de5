package main

import (
	"fmt"
	"strings"
)

// A target is a system that a release is built for.
type target struct {
	os, arch string
	arm      string   // GOARM; "" elsewhere
	packages []string // nfpm's formats
}

var (
	linuxPackages = []string{"deb", "rpm", "apk"}
	archPackages  = []string{"deb", "rpm", "apk", "archlinux"} // Arch Linux and Arch Linux ARM
)

// targets lists them all.
var targets = []target{
	{os: "linux", arch: "amd64", packages: archPackages},
	{os: "linux", arch: "arm64", packages: archPackages},
	{os: "linux", arch: "arm", arm: "7", packages: archPackages},
	{os: "linux", arch: "386", packages: linuxPackages},
	{os: "linux", arch: "riscv64", packages: linuxPackages},
	{os: "linux", arch: "ppc64le", packages: linuxPackages},
	{os: "linux", arch: "s390x", packages: linuxPackages},
	{os: "darwin", arch: "amd64"},
	{os: "darwin", arch: "arm64"},
	{os: "windows", arch: "amd64"},
	{os: "windows", arch: "arm64"},
	{os: "freebsd", arch: "amd64"},
}

// String returns the target as --target accepts it: linux/amd64, linux/armv7.
func (t target) String() string { return t.os + "/" + t.machine() }

// machine returns the architecture as it appears in names of files.
func (t target) machine() string {
	if t.arm != "" {
		return t.arch + "v" + t.arm
	}
	return t.arch
}

func targetOf(name string) (target, error) {
	var all []string
	for _, t := range targets {
		if t.String() == name {
			return t, nil
		}
		all = append(all, t.String())
	}
	return target{}, fmt.Errorf("no target %s; there are %s", name, strings.Join(all, " "))
}

// environ returns the environment in which go build builds for the target, for its oldest
// machines, and independently of this machine's settings.
func (t target) environ() []string {
	return []string{
		"GOOS=" + t.os, "GOARCH=" + t.arch, "GOARM=" + t.arm, "CGO_ENABLED=0",
		"GOAMD64=v1", "GOARM64=v8.0", "GO386=sse2", "GOPPC64=power8", "GORISCV64=rva20u64",
		"GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GODEBUG=", "GOWORK=off", "GOENV=off", "GOTOOLCHAIN=local",
	}
}

// executable returns the file name of an executable on the target.
func (t target) executable(name string) string {
	if t.os == "windows" {
		return name + ".exe"
	}
	return name
}
