// Empty is the reference of every ratio: the minimum cost of a Go program.
package main

func main() {}
