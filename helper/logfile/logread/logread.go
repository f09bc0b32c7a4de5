// Package logread reads the log. Package logfile, which writes it, is linked by the front
// and so has no encoding/json.
package logread

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"

	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
)

// All reads the log at path, oldest line first, and calls yield for each until it returns
// false. Invalid lines are skipped. Errors wrap protocol.ErrPolicy.
func All(path string, yield func(logfile.Record) bool) error {
	return lines(path, math.MaxInt64, func(line []byte) bool { return record(line, yield) })
}

// recent is how much of each file of a log is read by those that want something recent,
// in bytes: log_size may be 16 GiB, which nobody waits for.
const recent = 256 << 20

// ButHits is All for the last 256 MiB of each file and without the answers from the
// cache, which a large log has by the hundred thousand, and which are not decoded.
func ButHits(path string, yield func(logfile.Record) bool) error {
	hit := []byte(`"event":"` + logfile.Hit + `"`)
	return lines(path, recent, func(line []byte) bool { return bytes.Contains(line, hit) || record(line, yield) })
}

// With is All for the lines that contain a text, in the last 256 MiB of each file; the
// others are not decoded.
func With(path, text string, yield func(logfile.Record) bool) error {
	with := []byte(text)
	return lines(path, recent, func(line []byte) bool { return !bytes.Contains(line, with) || record(line, yield) })
}

// record decodes a line; true for an invalid one.
func record(line []byte, yield func(logfile.Record) bool) bool {
	var r logfile.Record
	return json.Unmarshal(line, &r) != nil || yield(r)
}

// longestLine is more bytes than a line of the log has.
const longestLine = 64 << 10

// lines calls yield for each line of both files of a log, in at most their last bytes.
func lines(path string, most int64, yield func(line []byte) bool) error {
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
		reader := bufio.NewReaderSize(f, longestLine)
		for {
			line, err := reader.ReadSlice('\n')
			for errors.Is(err, bufio.ErrBufferFull) { // not a line of ours
				line, err = reader.ReadSlice('\n')
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
