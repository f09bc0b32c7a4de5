package main

import (
	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/contract"
)

// pluginCommand executes credhelper-plugin for a connector (package connector,
// docs/connectors.md). The front does so itself if the call is exactly "credhelper
// plugin".
func (s *session) pluginCommand() *cobra.Command {
	var proto bool
	c := &cobra.Command{
		Use:   "plugin",
		Short: "answer a connector; it starts this through go-plugin",
		Long: "For long-running programs that want tokens again and again: they start this\n" +
			"command through github.com/hashicorp/go-plugin, ask it over gRPC, and end it.\n" +
			"Typed by hand it does nothing, but --proto prints the contract, from which a\n" +
			"language with gRPC makes its end. More: credhelper help connectors.",
		Example:     "  credhelper plugin --proto > connector.proto",
		GroupID:     groupUse,
		Annotations: patient, // each call has its own 8 s
		Args:        between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if s.flags.noStore || s.flags.timeout != "" {
				return protocol.Malformed("plugin takes neither --no-store nor --timeout")
			}
			if proto {
				return s.print(contract.Proto)
			}
			return s.becomePlugin()
		},
	}
	c.Flags().BoolVar(&proto, "proto", false, "print the contract, connector.proto")
	return c
}

// becomePlugin returns only if it fails, or on systems that cannot replace a process.
func (s *session) becomePlugin() error {
	h := handover.Handover{Limits: s.limits, Start: s.start}
	code, err := handover.To(handover.Plugin, h, s.environ, "credhelper", []string{"plugin"}, nil)
	if err != nil {
		return err
	}
	return exitCode(code)
}
