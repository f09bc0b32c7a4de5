package home

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
)

// To find who owns a URL all profiles have to be looked at, of which there may be
// thousands. What each said is known from the last time, and a file whose stamp is the
// same says the same; so most of them are not read again. Files that are no profiles
// are: what they need may lie anywhere.

// Claims looks at every profile, and reads those that changed since was was read, which
// may be nil. If ctx ends before, the error wraps protocol.ErrUnreachable and the claims
// hold in Origins what was read so far.
func (h *Home) Claims(ctx context.Context, was *cache.Origins) (*Claims, error) {
	s := &survey{home: h, stamps: h.stamps(), common: h.common()} // before anything is read, so that a change in between shows
	files, err := h.profileFiles()
	if err == nil {
		s.resolver, err = h.resolver()
	}
	if err != nil {
		return &Claims{broken: []brokenFile{{&cache.FileOrigins{Unread: true}, err}}}, nil
	}
	return s.run(ctx, files, was)
}

// survey is one look at all profiles.
type survey struct {
	home     *Home
	resolver *config.Resolver
	stamps   *stampList
	common   *stampList
	now      *cache.Origins
	rows     []row // of the files
}

// row is what became of one file.
type row struct {
	old  *cache.FileOrigins // what was known of it; nil if nothing was
	done bool
	same bool  // it says what was known
	err  error // why it is no profile
}

func (s *survey) run(ctx context.Context, files []profileFile, was *cache.Origins) (*Claims, error) {
	s.now = &cache.Origins{Basis: config.Basis(), Common: s.common.trusted(), Files: make([]cache.FileOrigins, len(files))}
	s.rows = make([]row, len(files))
	known := s.recall(files, was)
	s.look(ctx, files)
	if err := ctx.Err(); err != nil && slices.ContainsFunc(s.rows, func(r row) bool { return !r.done }) {
		return s.part()
	}
	c := &Claims{Origins: s.now, Changed: !known || len(was.Files) != len(files), stamps: s.stamps.trusted()}
	for i := range s.rows {
		if r, f := &s.rows[i], &s.now.Files[i]; known && !r.same && (r.old == nil || !r.old.Claims(f)) {
			c.moved = append(c.moved, f)
			if r.old != nil {
				c.moved = append(c.moved, r.old)
			}
		}
		c.Changed = c.Changed || !s.rows[i].same
		if err := s.rows[i].err; err != nil {
			c.broken = append(c.broken, brokenFile{&s.now.Files[i], err})
		}
	}
	return c, nil
}

// recall finds what was known of each file, unless what they depend on changed.
func (s *survey) recall(files []profileFile, was *cache.Origins) bool {
	if was == nil || was.Basis != s.now.Basis || !slices.Equal(was.Common, s.common.list) {
		return false
	}
	old := was.Files
	for i, f := range files {
		for len(old) > 0 && old[0].Profile < f.name {
			old = old[1:]
		}
		if len(old) > 0 && old[0].Profile == f.name && int(old[0].Place) == f.place {
			s.rows[i].old = &old[0]
		}
	}
	return true
}

// look looks at all files: first at those of which nothing is known, so that each call which
// has no time for all gets further.
func (s *survey) look(ctx context.Context, files []profileFile) {
	for _, known := range [...]bool{false, true} {
		var some []int
		for i := range files {
			if (s.rows[i].old != nil) == known {
				some = append(some, i)
			}
		}
		s.lookAt(ctx, files, some)
	}
}

// lookAt looks at some of the files, with all processors.
func (s *survey) lookAt(ctx context.Context, files []profileFile, some []int) {
	const chunk = 64
	var next atomic.Int64
	worker := func() {
		for {
			end := int(next.Add(chunk))
			for at := end - chunk; at < min(end, len(some)); at++ {
				if ctx.Err() != nil {
					return
				}
				s.file(files[some[at]], some[at])
			}
			if end >= len(some) {
				return
			}
		}
	}
	var others sync.WaitGroup
	if chunks := len(some) / chunk; chunks > 1 {
		for range min(s.home.processors(), chunks) - 1 {
			others.Go(worker)
		}
	}
	worker()
	others.Wait()
}

func (h *Home) processors() int {
	if h.Processors == nil {
		return runtime.GOMAXPROCS(0)
	}
	return h.Processors()
}

// file looks at one file, and reads it if it is not known.
func (s *survey) file(file profileFile, i int) {
	r, f := &s.rows[i], &s.now.Files[i]
	path := filepath.Join(s.home.profileDirs()[file.place], file.name+suffix)
	stamp := s.home.sealable(path)
	stamp.Path = "" // it follows from Place and Profile
	r.done = true
	if old := r.old; old != nil && !old.Broken && old.Stamp == stamp && stamp.Inode != 0 && s.sameBundle(old) {
		*f, r.same = *old, true
		s.home.variables.add(old.Variables)
		return
	}
	p, content, err := readFile(s.resolver, file.name, path)
	if errors.Is(err, fs.ErrNotExist) { // since the folder was listed
		err = s.home.unknownProfile(file.name)
	}
	if err != nil {
		r.err = err
		*f = cache.FileOrigins{Profile: file.name, Broken: true, Unread: content == nil, Origins: config.NamedHosts(string(content))}
	} else {
		*f = *told(p)
		if p.CAFile != "" {
			f.Bundle = s.home.sealable(p.CAFile)
		}
	}
	f.Place, f.Stamp = byte(file.place), stamp
	r.same = r.old != nil && r.old.Same(f)
}

// part is what was read until there was no more time.
func (s *survey) part() (*Claims, error) {
	read := 0
	var files []cache.FileOrigins
	for i, r := range s.rows {
		if r.done {
			files, read = append(files, s.now.Files[i]), read+1
		} else if r.old != nil {
			files = append(files, *r.old)
		}
	}
	s.now.Files = files
	return &Claims{Origins: s.now, Changed: true}, &protocol.Error{
		Kind: protocol.ErrUnreachable,
		Text: "there was time to look at " + strconv.Itoa(read) + " of " + strconv.Itoa(len(s.rows)) + " profiles",
		Hint: "ask again: what was read is kept",
	}
}

// told is what has to be known of a profile to choose between several.
func told(p *config.Profile) *cache.FileOrigins {
	f := &cache.FileOrigins{Profile: p.Name, Origins: p.OriginTexts(), ByName: p.ByName, Username: p.Username, ClientID: p.ClientID}
	for _, s := range p.Sources() {
		f.Variables = append(f.Variables, s.Variables()...)
	}
	return f
}

// sealable is the stamp of a file as it is kept: no more than its path if it would not
// show the next change.
func (h *Home) sealable(path string) cache.Stamp {
	stamp, trusted := cache.TakeStamp(path, h.Now())
	if !trusted {
		return cache.Stamp{Path: path}
	}
	return stamp
}

// sameBundle reports whether a profile's own CA certificates are what they were.
func (s *survey) sameBundle(f *cache.FileOrigins) bool {
	if f.Bundle.Path == "" {
		return true
	}
	now := s.home.sealable(f.Bundle.Path)
	return now == f.Bundle && now.Inode != 0
}

// common stamps what any profile may depend on: the settings, and the presets that are
// not embedded.
func (h *Home) common() *stampList {
	s := &stampList{home: h}
	s.add(h.Dirs.Settings())
	for _, dir := range h.presetDirs() {
		s.add(dir)
		names, _ := namesIn(dir)
		for _, name := range names {
			s.add(filepath.Join(dir, name+suffix))
		}
	}
	return s
}
