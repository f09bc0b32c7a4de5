package protocol

import (
	"crypto/sha256"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Kubernetes: the exec credential plugin of client-go, and so of kubectl, helm,
// k9s, flux, Argo CD and Terraform's provider (KEP-541; client-go
// plugin/pkg/client/auth/exec/exec.go).
//
//	argv    command and args as the kubeconfig has them
//	env     KUBERNETES_EXEC_INFO: {"apiVersion":"client.authentication.k8s.io/v1",
//	        "kind":"ExecCredential","spec":{"cluster":{"server":"https://..."},"interactive":false}}
//	stdin   the terminal of an interactive kubectl, or whatever it was given: not touched
//	stdout  {"apiVersion":...,"kind":"ExecCredential","status":{"token":"...","expirationTimestamp":"..."}}
//
// The version of the answer is that of the request, v1 or v1beta1. The cluster
// is only in the request if the kubeconfig says provideClusterInfo: true;
// without it nothing tells whom the token is for, so the profile must be named.
// What the cluster says of its certificate must be recorded among the arguments
// (kubecluster.go).
// A profile that the cluster's own extension names ("config") only narrows: it
// must own the server (O14).
//
// client-go keeps the token in its own process until expirationTimestamp. After
// a 401 it runs the plugin again, but gives no hint that it does. So a process that
// asks again for the same cluster, before the token that it was given has ended, saw it
// refused (Request.Repeats).
//
// Anything wrong is exit 1 with one line on stderr, which kubectl passes on.

var kubectl = Dialect{
	Name:   "kubectl",
	Words:  []string{"k8s"},
	Link:   "credhelper-kubectl",
	Title:  "Kubernetes exec credential: kubectl, helm, every client-go program",
	Front:  true,
	Decode: decodeKubectl,
	Encode: encodeKubectl,
	Refuse: func(Request, error) Reply { return Reply{Exit: 1} },
}

// execInfoLimit is the maximum size of KUBERNETES_EXEC_INFO: Linux's limit for one
// variable, much of which certificate-authority-data may need (R1).
const execInfoLimit = 128 << 10

// execVersions are the supported versions of a request; the answer has the same
// version. The first is used for a call without the variable.
var execVersions = [...]string{
	"client.authentication.k8s.io/v1",
	"client.authentication.k8s.io/v1beta1",
}

func decodeKubectl(call Call) (Request, error) {
	marks, args, err := clusterFlags(call.Args)
	if err != nil {
		return Request{}, err
	}
	call.Args = args
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) > 0 {
		return r, Malformed("kubectl takes no argument but flags: name the profile with --profile")
	}
	r.Shape = execVersions[0]
	info := call.Env("KUBERNETES_EXEC_INFO")
	digest := sha256.Sum256([]byte(info)) // this includes the server's address
	r.Asker, r.Repeats = string(digest[:]), true
	if info == "" {
		if r.Profile == "" {
			return r, Malformed("KUBERNETES_EXEC_INFO is not set, and no --profile is named")
		}
		return r, nil
	}
	if len(info) > execInfoLimit {
		return r, Malformed("KUBERNETES_EXEC_INFO is longer than 128 KiB")
	}
	err = readExecInfo(&r, []byte(info), marks)
	return r, err
}

func readExecInfo(r *Request, info []byte, marks []string) error {
	doc, err := strictjson.Parse(info)
	if err != nil {
		return Malformed("KUBERNETES_EXEC_INFO: " + err.Error())
	}
	if doc.Kind() != strictjson.Object || textMember(doc, "kind") != "ExecCredential" {
		return Malformed("KUBERNETES_EXEC_INFO is not an ExecCredential")
	}
	version := textMember(doc, "apiVersion")
	r.Shape = ""
	for _, v := range execVersions {
		if v == version {
			r.Shape = v
		}
	}
	if r.Shape == "" {
		return Malformed("KUBERNETES_EXEC_INFO has another apiVersion than v1 and v1beta1; set apiVersion: " +
			execVersions[0] + " in the kubeconfig")
	}
	spec, _ := doc.Get("spec")
	cluster, ok := spec.Get("cluster")
	if !ok {
		if r.Profile == "" {
			return Malformed("the request names no cluster; set provideClusterInfo: true in the kubeconfig, or name a --profile")
		}
		return nil
	}
	return readCluster(r, cluster, marks)
}

// readCluster reads the destination of the token. A cluster whose certificate is not
// verified can be anyone, so it gets no token; nor does one that is verified by
// settings which are not recorded.
func readCluster(r *Request, cluster strictjson.Value, marks []string) error {
	if cluster.Kind() != strictjson.Object {
		return Malformed("KUBERNETES_EXEC_INFO: cluster is not an object")
	}
	if v, ok := cluster.Get("insecure-skip-tls-verify"); ok {
		insecure, err := v.Bool()
		if err != nil {
			return Malformed("KUBERNETES_EXEC_INFO: insecure-skip-tls-verify is neither true nor false")
		}
		if insecure {
			return Policy("no token for a cluster whose certificate is not checked (insecure-skip-tls-verify)")
		}
	}
	if config, ok := cluster.Get("config"); ok {
		if err := narrow(r, config); err != nil {
			return err
		}
	}
	if err := recorded(r, cluster, marks); err != nil {
		return err
	}
	server := textMember(cluster, "server")
	if server == "" {
		return Malformed("KUBERNETES_EXEC_INFO: the cluster has no server")
	}
	return setURL(r, server)
}

// narrow reads the profile in the cluster's extension. Other members are ignored.
func narrow(r *Request, config strictjson.Value) error {
	v, ok := config.Get("profile")
	if !ok {
		return nil
	}
	name, err := v.Text()
	if err != nil || !ValidProfile(name) || r.Profile != "" && r.Profile != name {
		return Malformed("KUBERNETES_EXEC_INFO: config names no profile, or not the one in the arguments")
	}
	r.Profile = name
	return nil
}

func encodeKubectl(r Request, c Credential) ([]byte, error) {
	if err := bearerOnly(c, "kubectl"); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 192+c.Secret.Len())
	b = strictjson.AppendString(append(b, `{"apiVersion":`...), r.Shape)
	b = append(b, `,"kind":"ExecCredential","status":{"token":`...)
	b = strictjson.AppendString(b, c.Secret.Reveal())
	b = appendRFC3339(append(b, `,"expirationTimestamp":"`...), c.Expires)
	return bounded(append(b, "\"}}\n"...))
}
