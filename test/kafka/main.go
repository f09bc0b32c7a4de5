// Kafka connects to a broker with librdkafka, by a file of its properties, and prints how
// many brokers there are. It has cgo in it, so it has a module of its own;
// test/tools builds it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func main() {
	if err := connect(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}

func connect(file string) error {
	properties, err := read(file)
	if err != nil {
		return err
	}
	client, err := kafka.NewAdminClient(properties)
	if err != nil {
		return err
	}
	defer client.Close()
	_, version := kafka.LibraryVersion()
	all, err := client.GetMetadata(nil, true, 20_000)
	if err != nil {
		return fmt.Errorf("librdkafka %s: %w", version, err)
	}
	fmt.Println("librdkafka", version, "brokers", len(all.Brokers))
	return nil
}

// read reads lines of NAME=VALUE.
func read(file string) (*kafka.ConfigMap, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	properties := &kafka.ConfigMap{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		if err := properties.SetKey(name, value); err != nil {
			return nil, err
		}
	}
	return properties, lines.Err()
}
