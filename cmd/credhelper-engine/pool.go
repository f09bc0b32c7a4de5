package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// poolCommand is for the pools in which hosts share tokens.
func (s *session) poolCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "pool key | status | renew | log",
		Example: "  credhelper pool key pool.key\n  credhelper pool status",
		Short:   "share tokens between hosts",
		GroupID: groupKeep,
		Args:    between(0, 0), // any other word is no command
		RunE:    func(c *cobra.Command, _ []string) error { return usage(c) },
	}
	c.AddCommand(s.poolKeyCommand(), s.poolStatusCommand(), s.poolRenewCommand(), s.poolLogCommand())
	return c
}

func (s *session) poolKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "key FILE",
		Example: "  credhelper pool key pool.key",
		Short:   "make the keys of a pool: FILE for keepers, FILE.reader for readers",
		Long: "Makes the keys of a pool. FILE is for the hosts that ask the server, FILE.reader for\n" +
			"those that only use the tokens: with it nobody can make one. Both are secrets. Give\n" +
			"them to the hosts as you give them the client's secret.",
		Args: between(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return s.poolKey(args[0]) },
	}
}

func (s *session) poolKey(path string) error {
	keeper, reader, err := pool.NewKeys()
	if err != nil {
		return err
	}
	keys, err := pool.ReadKeys(keeper)
	if err != nil {
		return err
	}
	if err := writeKey(path, keeper); err != nil {
		return err
	}
	if err := writeKey(path+".reader", reader); err != nil {
		_ = os.Remove(path)
		return err
	}
	s.say("Wrote " + path + ", for the hosts that ask the server, and " + path + ".reader, for those that only use its tokens.")
	s.say("Their check value, which doctor shows on each host, is " + keys.Check() + ".")
	return nil
}

// writeKey writes a key to a new file that only its owner can read.
func writeKey(path string, key secret.Text) error {
	file, err := private.NewFile(path)
	if errors.Is(err, fs.ErrExist) {
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: path + " exists, and a key is never overwritten", Hint: "choose another name, or remove it if no host uses it"}
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(key.Reveal() + "\n")
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}
