package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// completionCommand writes the completion of a shell.
func (s *session) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:       "completion " + strings.Join(shells, "|"),
		Short:     "print the completion script for bash, zsh, fish or powershell",
		Example:   "  source <(credhelper completion bash)",
		GroupID:   groupKeep,
		ValidArgs: shells,
		Args:      between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			var b strings.Builder
			generate := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return c.Root().GenBashCompletionV2(w, true) },
				"zsh":        c.Root().GenZshCompletion,
				"fish":       func(w io.Writer) error { return c.Root().GenFishCompletion(w, true) },
				"powershell": c.Root().GenPowerShellCompletionWithDesc,
			}[args[0]]
			if generate == nil {
				return usage(c)
			}
			if err := generate(&b); err != nil {
				return err
			}
			script := b.String()
			if args[0] == "bash" {
				script = withoutLibrary(script)
			}
			return s.print(script)
		},
	}
}

// libraryCall is the call for which cobra's script for bash needs the package
// bash-completion.
const libraryCall = "    _get_comp_words_by_ref \"$@\" cur prev words cword\n"

// withoutLibrary makes the script use what bash itself provides if that package is missing,
// as on a server or in a container.
func withoutLibrary(script string) string {
	return strings.Replace(script, libraryCall, `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    `+libraryCall+`    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    fi
`, 1)
}

// completeProfiles completes the names of profiles.
func (s *session) completeProfiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	h, err := s.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := h.ProfileNames()
	return names, cobra.ShellCompDirectiveNoFileComp
}
