package inner

// again is never wanted here: there is no session bus.
func again(_, _ []string, _ string) {}
