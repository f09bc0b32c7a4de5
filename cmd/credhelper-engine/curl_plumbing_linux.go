package main

import (
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// curlPlumbing connects curl with this process: a pipe for the configuration, and a
// memory file for the response headers. No other process can open either by name.
type curlPlumbing struct {
	configPath, headersPath string
	configRead, configWrite int
	headersFile             int
}

// firstDescriptor is higher than the descriptors that shells use for <(...) and for
// redirections that the user may have given to curl.
const firstDescriptor = 200

func newCurlPlumbing() (*curlPlumbing, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	p := &curlPlumbing{configWrite: ends[1], headersFile: -1}
	var err error
	// Without close-on-exec: curl inherits both, under these numbers.
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

// give writes the configuration into the pipe. It fits into the pipe's 64 KiB: a token
// has at most 16 KiB, a URL 8 KiB.
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

// attach does nothing: the descriptors are inherited.
func (p *curlPlumbing) attach(*exec.Cmd) {}

// started closes our copy of the descriptor that only curl reads.
func (p *curlPlumbing) started() {
	unix.Close(p.configRead)
	p.configRead = -1
}

// headers returns the response headers received so far. curl flushes each before it
// writes the body, so once there is a part of the body all of its headers are there.
func (p *curlPlumbing) headers() []byte {
	const most = 1 << 20 // curl itself accepts 300 KiB
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
