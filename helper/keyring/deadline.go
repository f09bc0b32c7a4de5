package keyring

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

// WithDeadline limits every call of k to d, whatever k does with its context: a desktop
// keyring may wait for an invisible prompt, and a file may be on an unreachable network
// disk (security.md S4, F7, F9). An overdue call fails with ErrUnavailable and is
// abandoned in its goroutine; its result is discarded. After an overdue Set or Delete
// the stored state is unknown, old or new, which the error says.
func WithDeadline(k Keyring, d time.Duration) Keyring {
	if limited, already := k.(withDeadline); already && limited.limit <= d {
		return k
	}
	return withDeadline{k, d}
}

type withDeadline struct {
	inner Keyring
	limit time.Duration
}

func (k withDeadline) Get(ctx context.Context, key string) (secret.Text, error) {
	return within(ctx, k.limit, func(ctx context.Context) (secret.Text, error) { return k.inner.Get(ctx, key) })
}

func (k withDeadline) Set(ctx context.Context, key string, value secret.Text) error {
	_, err := within(ctx, k.limit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, k.inner.Set(ctx, key, value)
	})
	return err
}

func (k withDeadline) Delete(ctx context.Context, key string) error {
	_, err := within(ctx, k.limit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, k.inner.Delete(ctx, key)
	})
	return err
}

func (k withDeadline) Names(ctx context.Context) ([]string, error) {
	return within(ctx, k.limit, k.inner.Names)
}

// within runs call in a goroutine and waits for at most limit.
func within[T any](parent context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	if err := begin(parent, nil); err != nil {
		var none T
		return none, err
	}
	ctx, cancel := context.WithTimeout(parent, limit)
	done := make(chan outcome, 1) // buffered, so that an overdue call can end
	go func() {
		defer cancel()
		value, err := call(ctx)
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
	}
	select { // it may have ended, which also cancels, or answered at the last moment
	case o := <-done:
		if o.err == nil || !errors.Is(o.err, ctx.Err()) {
			return o.value, o.err
		}
	default:
	}
	var none T
	if err := parent.Err(); err != nil {
		return none, problem(ErrUnavailable, "it did not answer in the remaining time: %w", err)
	}
	return none, problem(ErrUnavailable, "it did not answer within %v", limit)
}

// begin is the first step of every call: it returns the error for invalid arguments, or
// the context's.
func begin(ctx context.Context, wrong error) error {
	if wrong != nil {
		return wrong
	}
	if err := ctx.Err(); err != nil {
		return problem(ErrUnavailable, "no time was left to ask it: %w", err)
	}
	return nil
}
