// Empty is what every ratio is measured against: the least a Go program costs.
package main

func main() {}
