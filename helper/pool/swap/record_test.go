package swap

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strconv"
	"testing"

	"github.com/credhelper/credhelper/helper/pool"
)

// TestChecks: the check values in a store are read as they were written, and one of an
// older version is replaced.
func TestChecks(t *testing.T) {
	text := addCheck([]byte("x 1\na 0\n\x00\xff"), pool.Question{Check: "a"})
	if got, want := checks(text), map[string]string{"x": "1", "a": strconv.Itoa(pool.Version)}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if got := checks([]byte("\x00\xff\n")); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestExpired: what is no report is nobody's to remove.
func TestExpired(t *testing.T) {
	for value, want := range map[string]bool{string(encodeReport(1, 9)): true, string(encodeReport(1, 10)): false, "": false, "of others": false} {
		if Expired("name"+ReportedSuffix, []byte(value), 10) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
}

// TestLongLease: a lease that ends too late, as after a store's clock went back or where
// somebody wrote to it, holds nobody.
func TestLongLease(t *testing.T) {
	const now = int64(1_800_000_000_000_000)
	for ends, held := range map[int64]bool{now + 1: true, now - 1: true, now - 1_000_001: false, now + 3_000_000: true, now + 3600_000_000: false} {
		r := record{lease: "x", ends: ends, seen: now}
		if a, _ := r.ask(pool.Question{}, now, 1_000_000, false); a.Held != held {
			t.Errorf("ends %d: %v", ends-now, a.Held)
		}
	}
}

// TestFrozen: what the first release wrote is read, and written so: other releases use the
// same store.
func TestFrozen(t *testing.T) {
	whole := record{entry: []byte("entry"), number: 1, mark: []byte("mark"), until: 2, lease: "word", ends: 3, beat: 4, granted: 5, seen: 6, keep: 7}
	const frozen = "43525231" + "0000000000000001" + "0000000000000002" + "0000000000000003" + "0000000000000004" +
		"0000000000000005" + "0000000000000006" + "0000000000000007" + "0005656e747279" + "00046d61726b" + "0004776f7264"
	b, err := hex.DecodeString(frozen)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(whole.encode()); got != frozen {
		t.Errorf("%s", got)
	}
	if got := decode(b); !reflect.DeepEqual(got, whole) {
		t.Errorf("%+v", got)
	}
}

// FuzzRecord: whatever a store has is read or is nothing, and what was read is written as
// it was.
func FuzzRecord(f *testing.F) {
	whole := record{entry: []byte("entry"), number: 1, mark: []byte("mark"), until: 2, lease: "word", ends: 3, beat: 4, granted: 5, seen: 6, keep: 7}
	f.Add(whole.encode())
	f.Add((&record{}).encode())
	f.Add([]byte("CRR1"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := decode(b)
		if !reflect.DeepEqual(r, record{}) && !bytes.Equal(r.encode(), b) {
			t.Errorf("%+v of %q", r, b)
		}
		Expired("name.reported", b, 1)
		if stored := checks(addCheck(b, pool.Question{Check: "a", Former: "b"})); len(stored) == 0 {
			t.Error("a check value is lost")
		}
	})
}
