package helper

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"

	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Log reads the log, oldest first, and calls yield for each line until it returns
// false. Invalid lines are skipped. Errors wrap protocol.ErrPolicy.
func (h *Helper) Log(yield func(logfile.Record) bool) error { return h.eachRecord(nil, yield) }

// recentLog is how much of each file of a log is read by those that want something recent, in
// bytes: log_size may be 16 GiB, which nobody waits for.
const recentLog = 256 << 20

// LogButHits is Log for the last 256 MiB of each file and without the answers from the
// cache, which a large log has by the hundred thousand, and which are not decoded.
func (h *Helper) LogButHits(yield func(logfile.Record) bool) error {
	hit := []byte(`"event":"` + eventHit + `"`)
	return readLog(h.config.Dirs.Log(), recentLog, func(line []byte) bool {
		var r logfile.Record
		return bytes.Contains(line, hit) || json.Unmarshal(line, &r) != nil || yield(r)
	})
}

// eachRecord is Log for the lines that contain a text, which avoids decoding the others,
// in the last 256 MiB of each file; for all lines without a text.
func (h *Helper) eachRecord(with []byte, yield func(logfile.Record) bool) error {
	most := int64(math.MaxInt64)
	if with != nil {
		most = recentLog
	}
	return readLog(h.config.Dirs.Log(), most, func(line []byte) bool {
		var r logfile.Record
		return !bytes.Contains(line, with) || json.Unmarshal(line, &r) != nil || yield(r)
	})
}

// longestLine is more bytes than a line of the log has.
const longestLine = 64 << 10

// readLog calls yield for each line of both files of a log, in at most their last bytes.
func readLog(path string, most int64, yield func(line []byte) bool) error {
	files, err := logfile.Open(path)
	for _, f := range files {
		defer f.Close()
	}
	if err != nil {
		return protocol.Policy("cannot read the log: " + err.Error())
	}
	for _, f := range files {
		if info, err := f.Stat(); err == nil && info.Size() > most {
			_, _ = f.Seek(-most, io.SeekEnd) // into a line, which is passed over
		}
		lines := bufio.NewReaderSize(f, longestLine)
		for {
			line, err := lines.ReadSlice('\n')
			for errors.Is(err, bufio.ErrBufferFull) { // not a line of ours
				line, err = lines.ReadSlice('\n')
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return protocol.Policy("cannot read the log: " + err.Error())
			}
			// A line that was cut, by a full disk or a power failure, may precede.
			if start := bytes.LastIndex(line, []byte(logfile.Begin)); start >= 0 && !yield(line[start:]) {
				return nil
			}
			if err != nil {
				break
			}
		}
	}
	return nil
}

// IssuedType returns the issued_token_type of a token in the log (RFC 8693 2.2.1); ""
// if the server sent none, or the line is gone.
func (h *Helper) IssuedType(token secret.Text) (kind string) {
	print := h.fingerprint(token)
	_ = h.eachRecord([]byte(print), func(r logfile.Record) bool {
		if r.Token == print && r.Issued != "" {
			kind = printable.Value(r.Issued)
		}
		return true
	})
	return kind
}
