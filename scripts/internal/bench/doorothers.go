package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// contender is a running proxy in front of a responder. All of them compare the same
// Authorization field and send the same token.
type contender struct {
	name   string
	target target
	pid    int
}

// The names of the contenders.
const (
	nameDirect  = "no proxy"
	nameBare    = "a bare httputil.ReverseProxy"
	nameDoor    = "credhelper proxy"
	nameCaddy   = "Caddy"
	nameNginx   = "nginx"
	nameHAProxy = "haproxy"
)

// plainTo returns the target of GET / at an address.
func plainTo(address, authorization string) target {
	return target{
		dial:    func() (net.Conn, error) { return net.Dial("tcp", address) },
		request: []byte("GET / HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: " + authorization + "\r\n\r\n"),
	}
}

// bareWord makes this program the bare proxy: UPSTREAM AUTHORIZATION TOKEN. With
// "-" as upstream it answers itself, with 200 bytes. With https it is TLS on both sides,
// and certificateVariable has the file of both certificates.
const (
	bareWord            = "one-bare-proxy"
	certificateVariable = "BENCH_CERTIFICATE"
)

// bareProxy serves at a free port, which it prints, until it is killed.
func bareProxy(args []string) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	server := &http.Server{Handler: bareHandler(args[0], args[1], args[2], transport), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	if !strings.HasPrefix(args[0], "https:") {
		return server.Serve(l)
	}
	c, err := readCertificate(os.Getenv(certificateVariable))
	if err != nil {
		return err
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: c.roots}
	server.TLSConfig = c.server()
	return server.ServeTLS(l, "", "")
}

func bareHandler(upstream, authorization, token string, transport http.RoundTripper) http.Handler {
	body := []byte(strings.Repeat("x", 200))
	var next http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(body) })
	if base, err := url.Parse(upstream); err == nil && base.Host != "" {
		next = &httputil.ReverseProxy{
			Transport: transport,
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(base)
				p.Out.Header.Set("Authorization", "Bearer "+token)
			},
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != authorization {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// startBare starts the bare proxy in a process of its own.
func (b *bench) startBare(upstream, authorization, token string) (*contender, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, bareWord, upstream, authorization, token)
	cmd.Env = append(os.Environ(), certificateVariable+"="+b.certificateFile())
	return b.announced(cmd, nameBare, authorization)
}

// announced starts a proxy that prints its address as its first line.
func (b *bench) announced(cmd *exec.Cmd, name, authorization string) (*contender, error) {
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = b.running(cmd)
	}
	if err != nil {
		return nil, err
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &contender{name, plainTo(strings.TrimSpace(string(line[:n])), authorization), cmd.Process.Pid}, nil
}

// running starts a process that is killed in the end.
func (b *bench) running(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	b.ends = append(b.ends, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return nil
}

// others are the proxies of Debian: the file in its tree, the configuration for a port,
// upstream, Authorization and token, and the arguments with the configuration's path.
var others = [...]struct{ name, file, config, arguments string }{
	{nameCaddy, "usr/bin/caddy", `{
	admin off
	auto_https off
}
http://127.0.0.1:PORT {
	@guest header Authorization "AUTHORIZATION"
	handle @guest {
		reverse_proxy UPSTREAM {
			header_up Authorization "Bearer TOKEN"
		}
	}
	respond 401
}
`, "run --adapter caddyfile --config CONFIG"},
	{nameNginx, "usr/sbin/nginx", `worker_processes 2;
daemon off;
pid DIR/nginx.pid;
error_log DIR/nginx.log;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path DIR/nginx-body;
	proxy_temp_path DIR/nginx-proxy;
	fastcgi_temp_path DIR/nginx-fastcgi;
	uwsgi_temp_path DIR/nginx-uwsgi;
	scgi_temp_path DIR/nginx-scgi;
	keepalive_requests 100000000;
	upstream api { server UPSTREAM; keepalive 64; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:PORT;
		if ($http_authorization != "AUTHORIZATION") { return 401; }
		location / {
			proxy_pass http://api;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Authorization "Bearer TOKEN";
		}
	}
}
`, "-p DIR -c CONFIG"},
	{nameHAProxy, "usr/sbin/haproxy", `global
	nbthread 2
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend door
	bind 127.0.0.1:PORT
	http-request deny deny_status 401 unless { req.hdr(authorization) -m str "AUTHORIZATION" }
	http-request set-header Authorization "Bearer TOKEN"
	default_backend api
backend api
	http-reuse always
	server one UPSTREAM
`, "-f CONFIG -db"},
}

// startOthers starts Debian's proxies from the tree that scripts/bench names.
func (b *bench) startOthers(upstream, authorization, token string) (all []*contender, err error) {
	tree := os.Getenv("BENCH_PROXIES")
	for _, o := range others {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(b.dir, strings.ToLower(o.name)+".conf")
		fill := strings.NewReplacer("PORT", port, "UPSTREAM", upstream, "AUTHORIZATION", authorization, "TOKEN", token, "CONFIG", file, "DIR", b.dir)
		if err := os.WriteFile(file, []byte(fill.Replace(o.config)), 0o644); err != nil {
			return nil, err
		}
		cmd := exec.Command(filepath.Join(tree, o.file), strings.Fields(fill.Replace(o.arguments))...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "LD_LIBRARY_PATH=" + tree + "/usr/lib/x86_64-linux-gnu"}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := b.running(cmd); err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		c := &contender{o.name, plainTo("127.0.0.1:"+port, authorization), cmd.Process.Pid}
		if err := c.answers(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", o.name, err, stderr.String())
		}
		all = append(all, c)
	}
	return all, nil
}

// answers waits until the contender answers, and sees that it refuses another secret.
func (c *contender) answers() (err error) {
	for range 200 {
		if err = c.target.each(1, 1); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	wrong := c.target
	wrong.request = bytes.Replace(c.target.request, []byte("Authorization: Basic "), []byte("Authorization: Basic AAAA"), 1)
	if err := wrong.each(1, 1); err == nil {
		return fmt.Errorf("%s takes any secret", c.name)
	}
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
