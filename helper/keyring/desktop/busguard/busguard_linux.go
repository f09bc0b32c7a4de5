package busguard

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is the time a bus has to answer; a healthy one takes 1 ms, on a machine that is
// busy some hundred. To take it for a silent one means to keep secrets elsewhere.
const patience = 2 * time.Second

// nowhere is a transport that no library knows.
const nowhere = "disabled:"

// init is explained in the package comment.
func init() {
	original, given = os.LookupEnv(variable)
	guarded, asked = true, os.Getenv(Ask) == "yes"
	_ = os.Unsetenv(Ask)
	var address string
	if asked {
		address = firstAnswering(candidates(original, os.Getenv("XDG_RUNTIME_DIR"), os.Getuid()), time.Now().Add(patience))
	}
	answered = address != ""
	if !answered {
		address = nowhere
	}
	// Even for a working bus: of several addresses the library would also try the
	// others, and one of them may be silent.
	_ = os.Setenv(variable, address)
}

// candidates returns the addresses of Unix sockets to try. Other transports (tcp,
// launchd, unixexec, which runs a program) are not suitable for secrets.
func candidates(address, runtimeDir string, uid int) []string {
	if address == "" || address == "autolaunch:" {
		var found []string
		if strings.HasPrefix(runtimeDir, "/") {
			found = append(found, "unix:path="+escape(runtimeDir+"/bus"))
		}
		return append(found, "unix:path=/run/user/"+strconv.Itoa(uid)+"/bus")
	}
	var found []string
	for one := range strings.SplitSeq(address, ";") {
		if socket(one) != "" {
			found = append(found, one)
		}
	}
	return found
}

// findable reports whether there is a socket that a bus with this address could have.
func findable(address string) bool {
	for _, one := range candidates(address, os.Getenv("XDG_RUNTIME_DIR"), os.Getuid()) {
		name := socket(one)
		if _, err := os.Lstat(name); err == nil || strings.HasPrefix(name, "@") {
			return true
		}
	}
	return false
}

// socket returns the name of an address's Unix socket in the form of package net; "" if
// it has none.
func socket(address string) string {
	pairs, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return ""
	}
	for pair := range strings.SplitSeq(pairs, ",") {
		key, value, _ := strings.Cut(pair, "=")
		name, err := unescape(value)
		switch {
		case err != nil || name == "":
		case key == "path":
			return name
		case key == "abstract":
			return "@" + name
		}
	}
	return ""
}

// escape and unescape: D-Bus specification, "Server Addresses".
func escape(value string) string {
	const plain = "-_/.\\*abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(plain, value[i]) >= 0 {
			b.WriteByte(value[i])
		} else {
			b.WriteString("%" + hex.EncodeToString([]byte{value[i]}))
		}
	}
	return b.String()
}

func unescape(value string) (string, error) {
	var b strings.Builder
	for {
		before, after, more := strings.Cut(value, "%")
		b.WriteString(before)
		if !more {
			return b.String(), nil
		}
		if len(after) < 2 {
			return "", errors.New("cut escape")
		}
		byte, err := hex.DecodeString(after[:2])
		if err != nil {
			return "", err
		}
		b.Write(byte)
		value = after[2:]
	}
}

// firstAnswering returns the first address at which a bus answers; "" if there is none.
func firstAnswering(addresses []string, deadline time.Time) string {
	for _, address := range addresses {
		if answers(socket(address), deadline) {
			return address
		}
	}
	return ""
}

// Dial connects to the bus that answered when the process started.
func Dial(deadline time.Time) (net.Conn, error) {
	return dial(socket(os.Getenv(variable)), deadline)
}

// dial connects to a bus of this user. That of another user, whose address sudo or su
// left in the environment, lets root in, and could be any program that listens at an
// abstract address.
func dial(name string, deadline time.Time) (net.Conn, error) {
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("unix", name)
	if err != nil {
		return nil, err
	}
	if uid, err := peer(conn.(*net.UnixConn)); err != nil || !trusted(uid, os.Geteuid()) {
		conn.Close()
		return nil, errors.Join(err, errors.New("the session bus is of another user"))
	}
	return conn, nil
}

// trusted reports whether the bus of a user may get the secrets of another.
func trusted(bus, user int) bool { return bus == user || bus == 0 }

// peer is the user who listens at the other end.
func peer(conn *net.UnixConn) (uid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *syscall.Ucred
	controlled := raw.Control(func(fd uintptr) {
		credentials, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(controlled, err); err != nil {
		return 0, err
	}
	return int(credentials.Uid), nil
}

// answers does what the library's init does: it authenticates and says Hello. A bus
// that stops at any point would have stopped the library.
func answers(name string, deadline time.Time) bool {
	conn, err := dial(name, deadline)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(deadline) != nil {
		return false
	}
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Getuid())))
	for _, step := range [...]struct{ send, heard string }{{"\x00AUTH\r\n", "REJECTED "}, {"AUTH EXTERNAL " + uid + "\r\n", "OK "}} {
		if _, err := io.WriteString(conn, step.send); err != nil {
			return false
		}
		if line, err := readLine(conn); err != nil || !strings.HasPrefix(line, step.heard) {
			return false
		}
	}
	if _, err := conn.Write(append([]byte("BEGIN\r\n"), hello()...)); err != nil {
		return false
	}
	var start [16]byte // the fixed part of a message's header
	if _, err := io.ReadFull(conn, start[:]); err != nil {
		return false
	}
	return start[0] == 'l' || start[0] == 'B' // its byte order
}

// readLine reads up to CR LF and no further, at most 1 KiB.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < 1024; line = append(line, one[0]) {
		if _, err := io.ReadFull(r, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
	}
	return "", errors.New("the line is too long")
}

// hello is the method call with which every connection starts (D-Bus
// specification, "Message Format"): little endian, serial 1, no body.
func hello() []byte {
	var fields []byte
	field := func(code byte, signature byte, value string) {
		for len(fields)%8 != 0 {
			fields = append(fields, 0)
		}
		fields = append(fields, code, 1, signature, 0)
		fields = binary.LittleEndian.AppendUint32(fields, uint32(len(value)))
		fields = append(append(fields, value...), 0)
	}
	field(1, 'o', "/org/freedesktop/DBus")
	field(2, 's', "org.freedesktop.DBus")
	field(3, 's', "Hello")
	field(6, 's', "org.freedesktop.DBus")
	message := []byte{'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0}
	message = binary.LittleEndian.AppendUint32(message, uint32(len(fields)))
	message = append(message, fields...)
	for len(message)%8 != 0 {
		message = append(message, 0)
	}
	return message
}
