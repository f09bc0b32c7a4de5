// Kubernetes is the API server of Kubernetes with its etcd in one process, and kubectl. It
// listens on loopback only. Tests compare kubetest's strict API server with it
// (scripts/test-kubernetes). There are no controllers, scheduler or kubelets: nothing runs.
//
//	kubernetes DIRECTORY [PORT]  serves what is in the directory, prints one line of JSON
//	                             when it is ready, and runs until its stdin ends
//	kubectl ...                  by this name it is kubectl
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
		return
	}
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kubernetes:", err)
		os.Exit(1)
	}
}
