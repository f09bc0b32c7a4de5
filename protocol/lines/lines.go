// Package lines answers a long-running program of any language over its child's
// stdin and stdout: one JSON request a line, one JSON reply a line, matched by the
// caller's id (docs/connectors.md).
package lines
