package server

import (
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// TestLease: whatever a server says of a token's lease, the token is used for a day at
// most, and one that no header may carry is none.
func TestLease(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const day = 86400
	for body, want := range map[string]int64{
		`{"auth":{"client_token":"t","lease_duration":3600}}`:                3600,
		`{"auth":{"client_token":"t","lease_duration":15}}`:                  15,
		`{"auth":{"client_token":"t","lease_duration":1}}`:                   1,   // for a moment
		`{"auth":{"client_token":"t","lease_duration":0}}`:                   day, // it never ends
		`{"auth":{"client_token":"t"}}`:                                      day,
		`{"auth":{"client_token":"t","lease_duration":-1}}`:                  day,
		`{"auth":{"client_token":"t","lease_duration":3153600000}}`:          day, // a century
		`{"auth":{"client_token":"t","lease_duration":9223372036854775807}}`: day,
		`{"auth":{"client_token":"t","lease_duration":1e400}}`:               day,
		`{"auth":{"client_token":"t","lease_duration":"3600"}}`:              day,
		`{"auth":{"client_token":"t\r\nX: y","lease_duration":3600}}`:        0,
		`{"auth":{"client_token":"t\u0000","lease_duration":3600}}`:          0,
		`{"auth":{"client_token":"","lease_duration":3600}}`:                 0,
		`{"auth":{"client_token":7,"lease_duration":3600}}`:                  0,
		`{"auth":{"client_token":["t"],"lease_duration":3600}}`:              0,
		`{"auth":null,"wrap_info":{"token":"t","ttl":300}}`:                  0,
		`{"auth":[],"data":{"client_token":"t"}}`:                            0,
		`{"client_token":"t","lease_duration":3600}`:                         0,
	} {
		value, err := strictjson.Parse([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		l, ok := leaseOf(oauth.Document{Status: 200, JSON: value}, now)
		if ok != (want > 0) || ok && (l.Ends-now.Unix() != want || !l.usable(now)) {
			t.Errorf("%s: %v, for %d s", body, ok, l.Ends-now.Unix())
		}
		for _, status := range []int{201, 204, 400, 403} {
			if _, ok := leaseOf(oauth.Document{Status: status, JSON: value}, now); ok {
				t.Errorf("%s: taken with status %d", body, status)
			}
		}
	}
}
