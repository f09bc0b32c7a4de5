package cache

// Rejections records, for all processes, the reports of a profile's token as refused
// while it was young. An API that refuses a valid token, for lack of permission,
// refuses the next one as well, so fetching one for each report would never end.
//
// The file has a mark of the token, which tools also get, and nothing else of it.
type Rejections struct {
	Binding [32]byte // of the profile; the reports are void for another binding
	Token   string   // mark of the reported token
	Issued  int64    // when it was requested, Unix seconds
	Expires int64    // when it expires
	Rows    []Rejection
}

// Rejection counts the reports about one origin.
type Rejection struct {
	Origin string // canonical; "" for a profile without origins
	Count  uint16
	Last   int64 // Unix seconds of the last report
}

const (
	// youth is the age, in seconds, below which a token is assumed to be valid whatever
	// tools report. It also limits token requests to one in this time per profile.
	youth = 60
	// refusal is for how many seconds after a report callers get an error instead of a
	// token: long enough for the next request of a tool in a loop, short enough for a
	// person who fixes the account.
	refusal = 5
	// enough reports about a young token show that the token is not the cause.
	enough = 2

	rejectionsMagic   = "CRX1"
	maxRejectionsSize = 16 << 10 // bytes
	maxRejections     = 64       // maximum number of origins in a file
)

// Young reports whether a token requested at issued is too young at now to be
// considered dead because a tool reports it as refused. If the clock was turned back,
// no token is young.
func Young(issued, now int64) bool { return now >= issued-skewAllowed && now < issued+youth }

// Young reports whether it is too early to drop the token because of a report.
func (r *Rejections) Young(now int64) bool {
	return r.Token != "" && Young(r.Issued, now) && now < r.Expires
}

// Add counts a report for an origin.
func (r *Rejections) Add(origin string, now int64) {
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Origin == origin {
			row.Count, row.Last = min(row.Count+1, 1000), now
			return
		}
	}
	if len(r.Rows) < maxRejections {
		r.Rows = append(r.Rows, Rejection{origin, 1, now})
	}
}

// Known reports whether another report at now would change nothing.
func (r *Rejections) Known(origin string, now int64) bool {
	row, _ := r.Blocked(origin, now)
	return row != nil && row.Last == now
}

// Blocked returns the row of an origin that gets no token at now, because its API
// refuses valid ones, and for how many seconds; nil if it gets one.
func (r *Rejections) Blocked(origin string, now int64) (row *Rejection, wait int64) {
	if !r.Young(now) {
		return nil, 0
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Origin == origin && row.Count >= enough && row.Last-skewAllowed <= now && now < row.Last+refusal {
			return row, row.Last + refusal - now
		}
	}
	return nil, 0
}

// Block reports whether any origin gets no token at now.
func (r *Rejections) Block(now int64) bool {
	for i := range r.Rows {
		if row, _ := r.Blocked(r.Rows[i].Origin, now); row != nil {
			return true
		}
	}
	return false
}

// Renew makes these the rejections of another token. It is for a token that cannot be
// cached and is fetched again at each call: reports of the last minute still count.
func (r *Rejections) Renew(token string, issued, expires int64) {
	rest := r.Rows[:0]
	for _, row := range r.Rows {
		if Young(row.Last, issued) {
			rest = append(rest, row)
		}
	}
	r.Token, r.Issued, r.Expires, r.Rows = token, issued, expires, rest
}

// Rejections returns an item's; false if there are none that can be read.
func (s *Store) Rejections(item Item) (Rejections, bool) {
	content, err := s.dir.Read(item.file('x'), maxRejectionsSize)
	if err != nil {
		return Rejections{}, false
	}
	return decodeRejections(item.Profile, content)
}

// PutRejections stores an item's. The caller holds the profile's lock.
func (s *Store) PutRejections(item Item, r Rejections) error {
	if err := s.noteNarrowed(item); err != nil {
		return err
	}
	return s.dir.Replace(item.file('x'), r.encode(item.Profile))
}

// DropRejections removes an item's, because there is another token, or because the
// current one was accepted.
func (s *Store) DropRejections(item Item) error {
	return s.dir.Remove(item.file('x'))
}

func (r *Rejections) encode(profile string) []byte {
	b := append(make([]byte, 0, 256), rejectionsMagic...)
	b = appendText(b, profile)
	b = append(b, r.Binding[:]...)
	b = appendText(b, r.Token)
	b = appendUint64(b, uint64(r.Issued))
	b = appendUint64(b, uint64(r.Expires))
	b = appendUint16(b, uint16(len(r.Rows)))
	for _, row := range r.Rows {
		b = appendText(b, row.Origin)
		b = appendUint16(b, row.Count)
		b = appendUint64(b, uint64(row.Last))
	}
	return b
}

func decodeRejections(profile string, content []byte) (Rejections, bool) {
	var r Rejections
	s := scanner{rest: string(content)}
	if s.take(len(rejectionsMagic)) != rejectionsMagic || s.text() != profile {
		return r, false
	}
	copy(r.Binding[:], s.take(len(r.Binding)))
	r.Token = s.text()
	r.Issued, r.Expires = int64(s.uint64()), int64(s.uint64())
	n := int(s.uint16())
	if n > maxRejections {
		return Rejections{}, false
	}
	r.Rows = make([]Rejection, n)
	for i := range r.Rows {
		r.Rows[i] = Rejection{s.text(), s.uint16(), int64(s.uint64())}
	}
	if !s.done() {
		return Rejections{}, false
	}
	return r, true
}
