//go:build !amd64

package tun

// sumWidely leaves all to be summed as upstream does.
func sumWidely(content []byte) (uint64, []byte) { return 0, content }
