package protocol

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// A kubeconfig may be merged from several files, and a cluster from one file used with
// credhelper's user from another. The server's address may then be the profile's while
// the cluster's author reads the token, by naming a CA of their own and controlling the
// network path. So the settings for reaching and authenticating the server must be
// recorded, by their mark, in the arguments of the user: --cluster MARK, as written by
// credhelper setup kubectl. A cluster without such settings needs no mark.

// clusterMarkDigits is the length of a mark: 128 bits, so that no other CA with the
// same mark can be found.
const clusterMarkDigits = 32

// ClusterMark returns the mark of a cluster's certificate-authority-data in Base64,
// tls-server-name and proxy-url, each "" if missing. It is "" if all are missing.
func ClusterMark(authority, serverName, proxy string) string {
	if authority+serverName+proxy == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("credhelper cluster\x00" + authority + "\x00" + serverName + "\x00" + proxy))
	return hexadecimal(sum[:clusterMarkDigits/2])
}

// clusterFlags removes all --cluster flags from the arguments.
func clusterFlags(args []string) (marks, rest []string, err error) {
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		if name != "--cluster" {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		if args = args[1:]; !joined {
			if len(args) == 0 {
				return nil, nil, Malformed("--cluster needs a value")
			}
			value, args = args[0], args[1:]
		}
		if len(value) != clusterMarkDigits {
			return nil, nil, Malformed("--cluster: not the mark of a cluster; credhelper setup kubectl writes it")
		}
		marks = append(marks, value)
	}
	return marks, rest, nil
}

// recorded returns an error unless the cluster's mark is among those in the arguments.
func recorded(r *Request, cluster strictjson.Value, marks []string) error {
	var texts [3]string
	for i, name := range [...]string{"certificate-authority-data", "tls-server-name", "proxy-url"} {
		v, ok := cluster.Get(name)
		if !ok {
			continue
		}
		text, err := v.Text()
		if err != nil {
			return Malformed("KUBERNETES_EXEC_INFO: " + name + " is not a text")
		}
		texts[i] = text
	}
	mark := ClusterMark(texts[0], texts[1], texts[2])
	if mark == "" || slices.Contains(marks, mark) {
		return nil
	}
	name := r.Profile
	if name == "" {
		name = "NAME"
	}
	return &Error{
		Kind: ErrPolicy,
		Text: "the cluster's certificate authority, tls-server-name or proxy-url is not recorded: whoever wrote them could read the token",
		Hint: "if the cluster is yours, record it: credhelper setup kubectl " + name + " --write, or by hand in the user's args: --cluster " + mark,
	}
}
