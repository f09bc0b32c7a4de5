package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// figure is one line of the table.
type figure struct {
	name   string
	value  float64
	format string  // of value, with its unit: "%.2f x"
	bound  float64 // 0: only shown, unless exact
	least  bool    // the bound is a minimum, not a maximum
	exact  bool    // only the bound itself is acceptable
	note   string
}

func (f figure) verdict() string {
	switch {
	case f.bound == 0 && !f.exact:
		return "-"
	case f.exact && f.value == f.bound, !f.exact && f.least && f.value >= f.bound, !f.exact && !f.least && f.value <= f.bound:
		return "ok"
	}
	return "OVER"
}

func (f figure) boundText() string {
	sign := "<= "
	switch {
	case f.bound == 0 && !f.exact:
		return ""
	case f.exact:
		sign = "= "
	case f.least:
		sign = ">= "
	}
	return sign + fmt.Sprintf(f.format, f.bound)
}

type table []figure

func (t table) over() bool {
	return slices.ContainsFunc(t, func(f figure) bool { return f.verdict() == "OVER" })
}

func (t table) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tmeasured\tbound\t\t")
	for _, f := range t {
		fmt.Fprintf(w, "%s\t"+f.format+"\t%s\t%s\t%s\n", f.name, f.value, f.boundText(), f.verdict(), f.note)
	}
	w.Flush() // into memory
	return text.String()
}

// median returns the median of values, which it sorts; 0 if there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}
