package protocol

// Dialects lists all dialects. To add one, write NAME.go and add its row here
// (CONTRIBUTING.md).
var Dialects = [...]*Dialect{
	&native,
	&token,
	&header,
	&reject,
	&bazel,
	&git,
	&docker,
	&terraform,
	&kubectl,
	&cargo,
	&goauth,
	&keyringCommand,
	&pnpm,
	&mcp,
}
