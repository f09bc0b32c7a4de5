package main

// again is never wanted here: there is no session bus.
func (s *session) again([]string, string) {}
