package protocol

// Dialects is the one list of dialects. To add one: write NAME.go, add its row
// here (CONTRIBUTING.md).
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
