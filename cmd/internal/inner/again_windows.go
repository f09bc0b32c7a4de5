package inner

// again is never needed here: this system has no session bus.
func again(_, _ []string, _ string) {}
