package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/credhelper/credhelper/protocol"
)

// job ties a project of Jama to one of Jira.
type job struct {
	jama *jama
	jira *jira
	log  *journal
}

func newJob(s settings, a protocol.Answerer, log *journal) *job {
	return &job{jama: newJama(s, a), jira: newJira(s, a), log: log}
}

// test prints the "Test connection" of a connector: a line for each system. The error
// is the first one.
func (j *job) test(ctx context.Context, out io.Writer) (first error) {
	for _, s := range []struct {
		name fmt.Stringer
		who  func(context.Context) (string, error)
	}{{j.jama, j.jama.who}, {j.jira, j.jira.who}} {
		who, err := s.who(ctx)
		if err == nil {
			fmt.Fprintf(out, "%s: connected as %s\n", s.name, who)
			continue
		}
		j.log.failed(s.name.String(), err)
		if first == nil {
			first = err
		}
	}
	return first
}

// tally is the result of a run.
type tally struct{ items, created, updated int }

// once goes through all items once. After an error the next run continues: what is done
// is found by its label.
func (j *job) once(ctx context.Context) error {
	var t tally
	for more := true; more; {
		items, total, err := j.jama.page(ctx, t.items)
		if err != nil {
			j.log.failed(j.jama.String(), err)
			return err
		}
		if err := j.carry(ctx, items, &t); err != nil {
			j.log.failed(j.jira.String(), err)
			return err
		}
		t.items += len(items)
		more = len(items) > 0 && t.items < total
	}
	j.log.line("INFO", "sync", fmt.Sprintf("%d items: %d created, %d updated", t.items, t.created, t.updated))
	return nil
}

// carry brings a page of items to Jira: one search for all of them, then the new and
// changed ones.
func (j *job) carry(ctx context.Context, items []item, t *tally) error {
	if len(items) == 0 {
		return nil
	}
	labels := make([]string, len(items))
	for n, i := range items {
		labels[n] = label(i)
	}
	there, err := j.jira.find(ctx, labels)
	if err != nil {
		return err
	}
	for _, i := range items {
		summary := oneLine(i.Key+" "+i.Fields.Name, 250) // Jira takes 255
		description := "Kept in Jama Connect: " + j.jama.address(i)
		old, known := there[label(i)]
		switch {
		case !known:
			err = j.jira.create(ctx, summary, description, label(i))
			t.created++
		case old.Fields.Summary != summary || old.Fields.Description != description:
			err = j.jira.update(ctx, old.Key, summary, description)
			t.updated++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// label ties an issue to its item; it is all that this job remembers.
func label(i item) string { return "jama-" + strconv.Itoa(i.ID) }
