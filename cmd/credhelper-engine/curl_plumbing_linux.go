package main

import (
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// curlPlumbing is what curl reads its configuration from and writes the response
// headers to: a pipe and a memory file, which no other process can open by name.
type curlPlumbing struct {
	configPath, headersPath string
	configRead, configWrite int
	headersFile             int
}

// firstDescriptor is above what shells use for <(...) and redirections that the
// user may have given curl.
const firstDescriptor = 200

func newCurlPlumbing() (*curlPlumbing, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	p := &curlPlumbing{configWrite: ends[1], headersFile: -1}
	var err error
	// Without close-on-exec: curl inherits these two, under these numbers.
	p.configRead, err = unix.FcntlInt(uintptr(ends[0]), unix.F_DUPFD, firstDescriptor)
	unix.Close(ends[0])
	if err != nil {
		p.configRead = -1
		p.close()
		return nil, err
	}
	memory, err := unix.MemfdCreate("headers", unix.MFD_CLOEXEC)
	if err == nil {
		p.headersFile, err = unix.FcntlInt(uintptr(memory), unix.F_DUPFD, firstDescriptor)
		unix.Close(memory)
	}
	if err != nil {
		p.headersFile = -1
		p.close()
		return nil, err
	}
	p.configPath = "/dev/fd/" + strconv.Itoa(p.configRead)
	p.headersPath = "/dev/fd/" + strconv.Itoa(p.headersFile)
	return p, nil
}

// give writes the configuration into the pipe, which holds 64 KiB: a token has at
// most 16, a URL 8.
func (p *curlPlumbing) give(config []byte) error {
	defer clear(config)
	file := os.NewFile(uintptr(p.configWrite), "configuration")
	p.configWrite = -1
	_, err := file.Write(config)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// attach has nothing to do: the descriptors are inherited.
func (p *curlPlumbing) attach(*exec.Cmd) {}

// started closes our copy of what only curl reads.
func (p *curlPlumbing) started() {
	unix.Close(p.configRead)
	p.configRead = -1
}

// headers are the response headers so far. curl flushes each before it goes on
// to the body, so who has a part of the body sees all of its headers.
func (p *curlPlumbing) headers() []byte {
	const most = 1 << 20 // curl itself takes 300 KiB
	b := make([]byte, 0, 4096)
	for len(b) < most {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := unix.Pread(p.headersFile, b[len(b):cap(b)], int64(len(b)))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			break
		}
		b = b[:len(b)+n]
	}
	return b
}

func (p *curlPlumbing) close() {
	for _, fd := range [...]int{p.configRead, p.configWrite, p.headersFile} {
		if fd > 0 {
			unix.Close(fd)
		}
	}
}
