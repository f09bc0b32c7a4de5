package main

import (
	"github.com/spf13/cobra"
)

// exportCommand writes profiles without secrets.
func (s *session) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "export [NAME ...]",
		Example:           "  credhelper export jama orders > profiles.toml",
		Short:             "print profiles, never secrets, as one TOML document",
		GroupID:           groupManage,
		ValidArgsFunction: s.completeProfiles,
		Args:              cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := s.open()
			if err != nil {
				return err
			}
			text, err := h.Export(args...)
			if err != nil {
				return err
			}
			return s.print(string(text))
		},
	}
}
