package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/protocol/printable"
)

// presetsCommand lists the known products.
func (s *session) presetsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "presets",
		Short:   "list the presets: the known products, and what each needs",
		Example: "  credhelper presets\n  credhelper help presets",
		GroupID: groupManage,
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := s.open()
			if err != nil {
				return err
			}
			return s.printPresets(h)
		},
	}
}

func (s *session) printPresets(h *helper.Helper) error {
	rows := [][]string{{"PRESET", "PRODUCT", "NEEDS"}}
	for _, name := range presets.Names() {
		preset, err := h.Preset(name)
		if err != nil {
			return err
		}
		var needs []string
		for _, need := range preset.Needs {
			needs = append(needs, need.Key)
		}
		rows = append(rows, []string{name, printable.Line(preset.Title), strings.Join(needs, " ")})
	}
	return s.print(s.screen().table(rows))
}
