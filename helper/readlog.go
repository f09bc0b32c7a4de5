package helper

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/logfile"
)

// Log reads the log, oldest first, and calls yield for each line until it returns
// false. Invalid lines are skipped. Errors wrap protocol.ErrPolicy.
func (h *Helper) Log(yield func(Record) bool) error { return h.eachRecord(nil, yield) }

// eachRecord is Log for the lines that contain a text, which avoids decoding the
// others.
func (h *Helper) eachRecord(with []byte, yield func(Record) bool) error {
	return readLog(h.config.Dirs.Log(), func(line []byte) bool {
		var r Record
		return !bytes.Contains(line, with) || json.Unmarshal(line, &r) != nil || yield(r)
	})
}

// readLog calls yield for each line of both files of a log.
func readLog(path string, yield func(line []byte) bool) error {
	files, err := logfile.Open(path)
	for _, f := range files {
		defer f.Close()
	}
	if err != nil {
		return failure.Policy("cannot read the log: " + err.Error())
	}
	for _, f := range files {
		// The file may be longer if rotation was delayed by a stopped writer.
		lines := bufio.NewScanner(io.LimitReader(f, 4*logfile.Limit))
		lines.Buffer(nil, 4*logfile.Limit)
		for lines.Scan() {
			if !yield(lines.Bytes()) {
				return nil
			}
		}
	}
	return nil
}
