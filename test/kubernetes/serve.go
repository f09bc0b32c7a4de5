package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// started is the line that is printed.
type started struct {
	Address string `json:"address"` // https://127.0.0.1:PORT
	CAFile  string `json:"ca_file"` // the authority of its certificate
	Token   string `json:"token"`   // of an administrator
}

// adminToken may do everything.
const adminToken = "token-of-the-administrator"

func serve(args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return errors.New("usage: kubernetes DIRECTORY [PORT]")
	}
	if err := os.Chdir(args[0]); err != nil { // etcd's sockets have short names in it
		return err
	}
	port := "0"
	if len(args) == 2 {
		port = args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	if err := startEtcd(); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- runAPIServer(listener) }()
	go func() {
		line := started{"https://" + listener.Addr().String(), filepath.Join(args[0], "apiserver.crt"), adminToken}
		if err := ready(line); err != nil {
			failed <- err
			return
		}
		_ = json.NewEncoder(os.Stdout).Encode(line)
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}

func startEtcd() error {
	c := embed.NewConfig()
	c.Dir, c.LogLevel, c.UnsafeNoFsync = "etcd", "error", true
	client, peer := url.URL{Scheme: "unix", Host: "client"}, url.URL{Scheme: "unix", Host: "peer"}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	_ = errors.Join(os.Remove(client.Host), os.Remove(peer.Host)) // of one that was killed
	e, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	<-e.Server.ReadyNotify()
	return nil
}

// runAPIServer serves with RBAC, and tokens of service accounts that it signs itself.
func runAPIServer(listener net.Listener) error {
	if err := writeOnce("accounts.key", newKey); err != nil {
		return err
	}
	if err := writeOnce("tokens.csv", func() ([]byte, error) {
		return []byte(adminToken + `,administrator,1,"system:masters"` + "\n"), nil
	}); err != nil {
		return err
	}
	s := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range s.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse([]string{
		"--etcd-servers=unix://client", "--etcd-compaction-interval=2s",
		"--cert-dir=.", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--authorization-mode=RBAC", "--token-auth-file=tokens.csv",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=accounts.key", "--service-account-signing-key-file=accounts.key",
		"--service-cluster-ip-range=10.0.0.0/24", "--request-timeout=10m",
	}); err != nil {
		return err
	}
	s.SecureServing.Listener, s.SecureServing.BindPort = listener, listener.Addr().(*net.TCPAddr).Port
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := s.Complete(context.Background())
	if err != nil {
		return err
	}
	if problems := completed.Validate(); len(problems) > 0 {
		return errors.Join(problems...)
	}
	return app.Run(context.Background(), completed)
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), err
}

// writeOnce writes a file unless it is there.
func writeOnce(path string, content func() ([]byte, error)) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	b, err := content()
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// ready waits until the server says that it is.
func ready(s started) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for began := time.Now(); time.Since(began) < 5*time.Minute; time.Sleep(50 * time.Millisecond) {
		q, err := http.NewRequest(http.MethodGet, s.Address+"/readyz", nil)
		if err != nil {
			return err
		}
		q.Header.Set("Authorization", "Bearer "+s.Token)
		r, err := client.Do(q)
		if err != nil {
			continue
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready", s.Address)
}
