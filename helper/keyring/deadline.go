package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

// WithDeadline bounds every call of k by d, whatever k does with its context:
// a desktop keyring may wait for a prompt that nobody sees, and a file may lie
// on a network disk that is gone (security.md S4, F7, F9). An overdue call
// fails with ErrUnavailable and is left behind in its goroutine; its result is
// dropped. After an overdue Set or Delete the state is therefore unknown, old
// or new, which is what the error says.
func WithDeadline(k Keyring, d time.Duration) Keyring { return deadlined{k, d} }

type deadlined struct {
	inner Keyring
	limit time.Duration
}

func (k deadlined) Get(ctx context.Context, key string) (secret.Text, error) {
	return within(ctx, k.limit, func(ctx context.Context) (secret.Text, error) { return k.inner.Get(ctx, key) })
}

func (k deadlined) Set(ctx context.Context, key string, value secret.Text) error {
	_, err := within(ctx, k.limit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, k.inner.Set(ctx, key, value)
	})
	return err
}

func (k deadlined) Delete(ctx context.Context, key string) error {
	_, err := within(ctx, k.limit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, k.inner.Delete(ctx, key)
	})
	return err
}

func (k deadlined) Names(ctx context.Context) ([]string, error) {
	return within(ctx, k.limit, k.inner.Names)
}

// within runs call in a goroutine and waits for it no longer than limit.
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
	done := make(chan outcome, 1) // one place, so that an overdue call can end
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
	select { // it ended, which cancels too, or it answered at the last moment
	case o := <-done:
		if o.err == nil || !errors.Is(o.err, ctx.Err()) {
			return o.value, o.err
		}
	default:
	}
	var none T
	if err := parent.Err(); err != nil {
		return none, fmt.Errorf("%w: it did not answer in the time that was left: %w", ErrUnavailable, err)
	}
	return none, fmt.Errorf("%w: it did not answer within %v", ErrUnavailable, limit)
}

// begin is the first step of every call: what is wrong with its arguments, or
// that nobody waits for it.
func begin(ctx context.Context, wrong error) error {
	if wrong != nil {
		return wrong
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: no time was left to ask it: %w", ErrUnavailable, err)
	}
	return nil
}
