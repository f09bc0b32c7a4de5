package home

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol"
)

// Finding the owner of a URL means looking at all profiles, of which there may be
// thousands. cache.Origins keeps what each file said when it was last read, and a file
// whose stamp has not changed is not read again. An invalid profile is always read
// again, because what it lacks may be in any other file.

// Claims looks at every profile, and reads those that have changed since was was
// written; nil reads all. If ctx ends first, the error wraps protocol.ErrUnreachable,
// and Origins contains what has been read so far.
func (h *Home) Claims(ctx context.Context, was *cache.Origins) (*Claims, error) {
	s := &survey{home: h, stamps: h.stamps(), common: h.common()} // before anything is read, so that a change in between shows
	files, err := configfile.List(h.profileDirs())
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
	dirs     []trust.ProvidedDir // profileDirs, as far as they can be opened
	stamps   *stampList
	common   *stampList
	now      *cache.Origins
	rows     []row // of the files
}

// row is the state of one file in a survey.
type row struct {
	old  *cache.FileOrigins // what it said before; nil if it was not known
	done bool               // it has been looked at
	same bool               // it says what it said before
	err  error              // why it is not a valid profile
}

func (s *survey) run(ctx context.Context, files []configfile.File, was *cache.Origins) (*Claims, error) {
	s.now = &cache.Origins{Basis: presets.Basis(), Common: s.common.trusted(), Files: make([]cache.FileOrigins, len(files))}
	s.rows = make([]row, len(files))
	known := s.recall(files, was)
	defer s.open()()
	s.look(ctx, files)
	if err := ctx.Err(); err != nil && slices.ContainsFunc(s.rows, func(r row) bool { return !r.done }) {
		return s.unfinished()
	}
	c := &Claims{Origins: s.now, Changed: !known || len(was.Files) != len(files), stamps: s.stamps.trusted(), every: s.every(files)}
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

// open opens the directories of the profiles, and returns a function that closes them.
func (s *survey) open() (end func()) {
	for _, path := range s.home.profileDirs() {
		dir, err := trust.OpenProvided(path)
		if err != nil {
			break // it is empty, or each file says so
		}
		s.dirs = append(s.dirs, dir)
	}
	return func() {
		for _, dir := range s.dirs {
			dir.Close()
		}
	}
}

// read reads a profile's file.
func (s *survey) read(file configfile.File) ([]byte, error) {
	if file.Place >= len(s.dirs) {
		return configfile.Read(file.Path, configfile.MaxSize)
	}
	return configfile.ReadIn(s.dirs[file.Place], file.Path)
}

// recall finds what each file said before; false if a file that all profiles depend on
// has changed since.
func (s *survey) recall(files []configfile.File, was *cache.Origins) bool {
	if was == nil || was.Basis != s.now.Basis || !slices.Equal(was.Common, s.common.list) {
		return false
	}
	old := was.Files
	for i, f := range files {
		for len(old) > 0 && old[0].Profile < f.Name {
			old = old[1:]
		}
		if len(old) > 0 && old[0].Profile == f.Name && int(old[0].Place) == f.Place {
			s.rows[i].old = &old[0]
		}
	}
	return true
}

// look looks at all files, and first at unknown ones, so that each of several calls that
// run out of time gets further.
func (s *survey) look(ctx context.Context, files []configfile.File) {
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
func (s *survey) lookAt(ctx context.Context, files []configfile.File, some []int) {
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

// file looks at one file, and reads it if it is unknown or has changed.
func (s *survey) file(file configfile.File, i int) {
	r, f := &s.rows[i], &s.now.Files[i]
	stamp := s.home.sealable(file.Path)
	stamp.Path = "" // it follows from Place and Profile
	r.done = true
	if old := r.old; old != nil && !old.Broken && old.Stamp == stamp && stamp.Inode != 0 && s.sameBundle(old) {
		*f, r.same = *old, true
		s.home.variables.add(old.Variables)
		return
	}
	content, err := s.read(file)
	p, content, err := resolve(s.resolver, file.Name, file.Path, content, err)
	if errors.Is(err, fs.ErrNotExist) { // it was removed after its directory was listed
		err = s.home.unknownProfile(file.Name)
	}
	if err != nil {
		r.err = err
		*f = cache.FileOrigins{Profile: file.Name, Broken: true, Unread: content == nil, Origins: config.NamedHosts(string(content))}
	} else {
		*f = *fileOrigins(p)
		if p.CAFile != "" {
			f.Bundle = s.home.sealable(p.CAFile)
		}
	}
	f.Place, f.Stamp = byte(file.Place), stamp
	r.same = r.old != nil && r.old.Same(f)
}

// unfinished returns what was read before the time was over, and the error that says so.
func (s *survey) unfinished() (*Claims, error) {
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
	return &Claims{Origins: s.now, Changed: true}, &protocol.Error{Kind: protocol.ErrUnreachable, Text: "there was time to look at " + strconv.Itoa(read) + " of " + strconv.Itoa(len(s.rows)) + " profiles",
		Hint: "ask again: what was read is kept"}
}

// few is the number of files up to which the front compares each of them at a hit, which
// takes a microsecond each. Of more the engine compares them every 10 s.
const few = 16

// every returns the stamps of all files in which a claim could be made; nil if there are
// more than few, or if one might not show the next change.
func (s *survey) every(files []configfile.File) (stamps []cache.Stamp) {
	if s.now.Common == nil {
		return nil
	}
	dirs := s.home.Dirs.Configuration() // is in each route
	for _, stamp := range s.now.Common {
		if !slices.Contains(dirs, stamp.Path) {
			stamps = append(stamps, stamp)
		}
	}
	if len(stamps)+len(files) > few {
		return nil
	}
	for i, file := range files {
		f := &s.now.Files[i]
		if f.Broken || f.Stamp.Inode == 0 || f.Bundle.Path != "" { // what they depend on may lie anywhere
			return nil
		}
		stamp := f.Stamp
		stamp.Path = file.Path
		stamps = append(stamps, stamp)
	}
	return stamps
}

// fileOrigins returns what the choice between several profiles depends on.
func fileOrigins(p *config.Profile) *cache.FileOrigins {
	f := &cache.FileOrigins{Profile: p.Name, Origins: p.OriginTexts(), ByName: p.ByName, Username: p.Username, ClientID: p.ClientID}
	for _, s := range p.Sources {
		f.Variables = append(f.Variables, s.Variables()...)
	}
	return f
}

// sealable returns the stamp of a file for storing: only its path if the stamp might not
// show the next change.
func (h *Home) sealable(path string) cache.Stamp {
	stamp, trusted := cache.TakeStamp(path, h.Now())
	if !trusted {
		return cache.Stamp{Path: path}
	}
	return stamp
}

// sameBundle reports whether a profile's file of CA certificates has not changed.
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
		names, _ := configfile.Names(dir)
		for _, name := range names {
			s.add(configfile.Path(dir, name))
		}
	}
	return s
}
