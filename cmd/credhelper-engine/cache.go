package main

import "github.com/spf13/cobra"

// cacheCommand empties the cache.
func (s *session) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "cache clear [NAME]",
		Example: "  credhelper cache clear\n  credhelper cache clear jama",
		Short:   "drop cached tokens and remembered refusals; secrets stay",
		GroupID: groupKeep,
		Args:    between(1, 1),
		RunE:    func(c *cobra.Command, _ []string) error { return usage(c) },
	}
	c.AddCommand(&cobra.Command{
		Use:               "clear [NAME]",
		Example:           "  credhelper cache clear jama",
		Short:             "drop the cached token of a profile, or everything cached",
		Args:              between(0, 1),
		ValidArgsFunction: s.completeProfiles,
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			h, err := s.open()
			if err == nil && len(args) == 1 {
				name = args[0]
				_, err = h.Profile(name)
			}
			if err != nil {
				return err
			}
			if err := h.ClearCache(c.Context(), name); err != nil {
				return err
			}
			of := "every profile"
			if name != "" {
				of = name
			}
			s.say("Dropped the cached token of " + of + ", and what the server refused. Secrets are kept.")
			return nil
		},
	})
	return c
}
