package logfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestJSON: a line is, byte for byte, what encoding/json makes of the record, with each
// member alone, with all of them, and whatever stands in a text.
func TestJSON(t *testing.T) {
	at := time.Unix(1_764_000_000, 0).UTC()
	texts := []string{"plain", `q"uo\te`, "\x00\x01\b\t\n\f\r\x1f\x7f", "<a href=\"x\">&amp;", "é\u2028\u2029\U0001f600", "\xff bad \xc3", "\ufffd"}
	all := Record{Time: at, Event: "hit"}
	records := []Record{{}, all}
	fields := reflect.TypeFor[Record]()
	fill := func(v reflect.Value, text string) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(text)
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(len(text)) - 8)
		}
	}
	for i := range fields.NumField() {
		for _, text := range texts {
			one := Record{Time: at}
			for _, r := range []*Record{&one, &all} {
				if v := reflect.ValueOf(r).Elem().Field(i); fields.Field(i).Name == "Caller" {
					for k := range v.NumField() {
						fill(v.Field(k), text)
						records = append(records, *r)
					}
				} else {
					fill(v, text)
				}
				records = append(records, *r)
			}
		}
	}
	if len(records) < 100 {
		t.Fatalf("%d records: the test is blind", len(records))
	}
	for _, r := range records {
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.appendJSON(nil)); got != string(want)+"\n" {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestBy: the caller's path cannot end a line, and only its end is kept.
func TestBy(t *testing.T) {
	r := Record{}.By(Caller{Dialect: "git", PID: 7, Executable: strings.Repeat("x", 300) + "\n\x1b"}, time.Unix(1, 5))
	if len(r.Caller.Executable) != 256 || !strings.HasSuffix(r.Caller.Executable, "x??") || r.Dialect != "git" || r.Time.Nanosecond() != 0 {
		t.Errorf("%+v", r)
	}
}
