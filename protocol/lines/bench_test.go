package lines_test

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/lines"
	"github.com/credhelper/credhelper/protocol/secret"
)

// BenchmarkLockStep is one request at a time over two pipes, a token of 1,200
// bytes at hand.
func BenchmarkLockStep(b *testing.B) { benchmarkServe(b, 1) }

// BenchmarkInFlight is sixteen requests at a time.
func BenchmarkInFlight(b *testing.B) { benchmarkServe(b, 16) }

// benchmarkServe asks through the pipes of the system, as a host does; host and
// server are one process here, which makes no difference to the pipes.
func benchmarkServe(b *testing.B, inFlight int) {
	requests, in := pipe(b)
	out, replies := pipe(b)
	served := make(chan error, 1)
	go func() {
		served <- lines.Serve(context.Background(), lines.Config{Cached: atHand(1200), In: requests, Out: replies})
	}()
	from := bufio.NewReaderSize(out, 64<<10)
	b.ReportAllocs()
	b.ResetTimer()
	var ask []byte
	for sent, got := 0, 0; got < b.N; {
		ask = ask[:0]
		for ; sent < b.N && sent-got < inFlight; sent++ {
			ask = append(strconv.AppendInt(append(ask, `{"id":`...), int64(sent), 10), ",\"profile\":\"work\"}\n"...)
		}
		if _, err := in.Write(ask); err != nil {
			b.Fatal(err)
		}
		for first := true; got < sent && (first || from.Buffered() > 3000); first = false {
			line, err := from.ReadSlice('\n')
			if err != nil || len(line) < 2400 {
				b.Fatalf("%q, %v", line, err)
			}
			got++
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "replies/s")
	in.Close()
	if err := <-served; err != nil {
		b.Error(err)
	}
}

// BenchmarkDecode is the reading of one request.
func BenchmarkDecode(b *testing.B) {
	for _, line := range []string{
		`{"id":1,"profile":"work"}`,
		`{"id":"6b1d","uri":"https://api.example.com/rest/v1/items?startAt=50","min_ttl":60}`,
	} {
		b.Run(strconv.Itoa(len(line)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := lines.Decode([]byte(line)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func pipe(b *testing.B) (r, w *os.File) {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// atHand is a cache with one token of so many bytes.
func atHand(bytes int) func(protocol.Request) (protocol.Credential, bool) {
	c := protocol.Credential{
		Profile: "work", Scheme: "Bearer", Secret: secret.New(strings.Repeat("t", bytes)),
		Expires: 1893456000, Source: "cache",
	}
	return func(protocol.Request) (protocol.Credential, bool) { return c, true }
}
