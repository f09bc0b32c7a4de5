package home

import (
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

func policy(text string) error {
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line(text)}
}

// about adds the profile's name to an error and keeps its meaning and its hint.
func about(profile string, err error) error { return protocol.About("profile "+profile, err, "") }
