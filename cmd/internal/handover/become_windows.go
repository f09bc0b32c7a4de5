package handover

// become runs the other executable as a child: this system cannot replace a process.
func become(path string, argv, environ []string, stdin []byte) (int, error) {
	return asChild(path, argv, environ, stdin)
}
