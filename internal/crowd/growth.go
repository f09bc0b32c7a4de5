package crowd

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Growth is the amount of something in the first and in the last third of a soak.
type Growth struct {
	Name        string
	Format      string  // of an amount, with its unit
	First, Last float64 // medians
	Bound       float64 // the maximum growth
	Samples     int
}

// By returns the difference.
func (g Growth) By() float64 { return g.Last - g.First }

// String formats it.
func (g Growth) String() string {
	return fmt.Sprintf(g.Format+" in the first third, "+g.Format+" in the last; %d samples", g.First, g.Last, g.Samples)
}

// Watch collects the samples of a soak.
type Watch struct {
	state, log string // paths
	of         Way
	order      []string
	series     map[string]*series
	failed     error
}

// series is a figure and its values so far.
type series struct {
	Growth
	values []float64
}

// NewWatch returns a Watch over the members and a home: its state directory and its
// log, which are checked when a member with the given interface is.
func NewWatch(state, log string, of Way) *Watch {
	return &Watch{state: state, log: log, of: of, series: map[string]*series{}}
}

const (
	mebibyte  = 1 << 20
	mebibytes = "%.2f MiB"
	number    = "%.0f"
)

// Take adds one member's sample. The bounds allow for the runtime's own fluctuation: a
// leak of 10 bytes per call, or of 4 KiB per token, exceeds them within an hour of
// two-second tokens and 200 calls a second.
func (w *Watch) Take(o Order, s Sample) {
	way := string(o.Way)
	w.Add(way+", caller's heap", mebibytes, 1, float64(s.Heap)/mebibyte)
	w.Add(way+", caller's goroutines", number, 2, float64(s.Goroutines))
	w.Add(way+", caller's descriptors", number, 1, float64(s.Descriptors))
	if c := s.Child; c != nil {
		w.Add(way+", credhelper's resident memory", mebibytes, 4, float64(c.Resident)/mebibyte)
		w.Add(way+", credhelper's threads", number, 2, float64(c.Threads))
		if c.Descriptors > 0 {
			w.Add(way+", credhelper's descriptors", number, 1, float64(c.Descriptors))
		}
	}
	if o.Way == w.of {
		w.takeHome()
	}
}

// Add adds an amount of something that may grow by bound.
func (w *Watch) Add(name, format string, bound, value float64) {
	one := w.series[name]
	if one == nil {
		one = &series{Growth: Growth{Name: name, Format: format, Bound: bound}}
		w.series[name], w.order = one, append(w.order, name)
	}
	one.values = append(one.values, value)
}

// takeHome measures the files of the home. The log grows until it is rotated, so only
// its maximum is checked: two files of a mebibyte.
func (w *Watch) takeHome() {
	var files, size, log float64
	err := filepath.WalkDir(w.state, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file that was renamed meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case strings.HasPrefix(path, w.log):
			log += float64(info.Size())
		default:
			files, size = files+1, size+float64(info.Size())
		}
		return nil
	})
	w.failed = errors.Join(w.failed, err)
	w.Add("files of state", number, 1, files)
	w.Add("size of state, without the log", mebibytes, 0.01, size/mebibyte)
	w.Add("size of the log", mebibytes, 3, log/mebibyte)
}

// Grown compares the medians of the first and the last third of each series. Fewer than
// nine samples are an error, because they show nothing.
func (w *Watch) Grown() (list []Growth, err error) {
	if len(w.order) == 0 {
		return nil, errors.New("no samples")
	}
	for _, name := range w.order {
		t := w.series[name]
		n := len(t.values)
		if n < 9 {
			return nil, fmt.Errorf("%s: only %d samples", name, n)
		}
		t.First, t.Last, t.Samples = middle(t.values[:n/3]), middle(t.values[n-n/3:]), n
		list = append(list, t.Growth)
	}
	return list, w.failed
}

// middle returns the median of at least one value.
func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
