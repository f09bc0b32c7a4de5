package crowd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestEarly: which tokens the tally counts as requested too early.
func TestEarly(t *testing.T) {
	for _, c := range []struct {
		name  string
		ends  []int64
		early int
		span  int64
	}{
		{"none", nil, 0, 0},
		{"one", []int64{102}, 0, 0},
		{"one after the other", []int64{102, 104, 106}, 0, 4},
		{"a pause between", []int64{102, 107}, 0, 5},
		{"two at the same end", []int64{102, 104, 104, 106}, 1, 4},
		{"one in the middle of the last one's life", []int64{102, 103, 105}, 1, 3},
	} {
		tally := Tally{Tokens: map[string]int64{}}
		for i, end := range c.ends {
			tally.Tokens[strings.Repeat("x", i)] = end
		}
		if early, span := tally.Early(2), tally.Span(); early != c.early || span != c.span {
			t.Errorf("%s: %d early, %d s, want %d, %d s", c.name, early, span, c.early, c.span)
		}
	}
}

// TestMemberCounts: a failure, an expired token and a new token are each counted as such.
func TestMemberCounts(t *testing.T) {
	now := time.Now().Unix()
	for _, c := range []struct {
		name   string
		answer answer
		err    error
		want   string // the failure; "": none
	}{
		{"a token", answer{"t", now + 60}, nil, ""},
		{"a token at its end", answer{"t", now - 1}, nil, "a token that had ended"},
		{"a failure", answer{}, errors.New("no"), "no"},
	} {
		m := newMember(io.Discard)
		m.asker = &asker{ask: func() (answer, error) { return c.answer, c.err }}
		m.once()
		failed := 0
		if c.want != "" {
			failed = 1
		}
		if m.failure != c.want || m.calls.Load() != 1 || m.failed.Load() != int64(failed) || len(m.seen) != 1-failed {
			t.Errorf("%s: %q, %d calls, %d failed, %d tokens", c.name, m.failure, m.calls.Load(), m.failed.Load(), len(m.seen))
		}
	}
}

// TestMemberForgets: what a member remembers of tokens does not grow in an hour.
func TestMemberForgets(t *testing.T) {
	m := newMember(io.Discard)
	for i := range int64(1800) {
		m.see(answer{strings.Repeat("x", int(i)), 2 * i})
	}
	if n := len(m.seen); n > 32 {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestMemberAlone: a member whose parent is gone ends.
func TestMemberAlone(t *testing.T) {
	if err := Member(strings.NewReader(`{"Way":"credhelper get","Profile":"x"}`), io.Discard); err == nil {
		t.Error("it began without being told")
	}
	if err := Member(strings.NewReader(`{"Way":"by pigeon"}`), io.Discard); err == nil {
		t.Error("an unknown way is taken")
	}
}
