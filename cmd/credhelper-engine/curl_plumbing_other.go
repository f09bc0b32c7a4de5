//go:build !linux

package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
)

// curlPlumbing connects curl with this process: a pipe for the configuration, and a
// private temporary file, which holds nothing secret, for the response headers.
// On Windows it is tried under Wine with a stand-in for curl; elsewhere it is only compiled.
type curlPlumbing struct {
	configPath, headersPath string
	configRead, configWrite *os.File
	headersFile             *os.File
}

func newCurlPlumbing() (*curlPlumbing, error) {
	p := &curlPlumbing{}
	var err error
	if p.configRead, p.configWrite, err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.headersFile, err = os.CreateTemp("", "credhelper-headers-*"); err != nil {
		p.close()
		return nil, err
	}
	p.headersPath = p.headersFile.Name()
	p.configPath = "/dev/fd/" + strconv.Itoa(3)
	if windows { // no /dev/fd: the configuration uses stdin
		p.configPath = "-"
	}
	return p, nil
}

// give writes the configuration into the pipe.
func (p *curlPlumbing) give(config []byte) error {
	go func() {
		_, _ = p.configWrite.Write(config)
		clear(config)
		p.configWrite.Close()
	}()
	return nil
}

// attach gives curl its end of the pipe.
func (p *curlPlumbing) attach(cmd *exec.Cmd) {
	if windows {
		cmd.Stdin = p.configRead
		return
	}
	cmd.ExtraFiles = []*os.File{p.configRead}
}

func (p *curlPlumbing) started() { p.configRead.Close() }

func (p *curlPlumbing) headers() []byte {
	b, _ := io.ReadAll(io.NewSectionReader(p.headersFile, 0, 1<<20))
	return b
}

func (p *curlPlumbing) close() {
	for _, f := range [...]*os.File{p.configRead, p.configWrite, p.headersFile} {
		if f != nil {
			f.Close()
		}
	}
	if p.headersPath != "" {
		os.Remove(p.headersPath)
	}
}
