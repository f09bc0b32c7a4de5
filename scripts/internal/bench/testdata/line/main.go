// Line is the floor of every program that prints: it writes one line.
package main

import "os"

func main() { os.Stdout.WriteString("one line\n") }
