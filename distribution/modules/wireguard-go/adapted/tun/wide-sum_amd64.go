package tun

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// wideSum adds the words of 32 bits, as this processor reads them, of a length in bytes that is a multiple of 64 and not 0. A sum of words of 16 bits with the carry added to it, as
// checksums are, is the same whatever the width of what is added, once it is folded.
//
//go:noescape
func wideSum(content *byte, length int) uint64

// sumWidely sums the beginning of what is summed, when that is worth it and the processor can, and returns the rest.
func sumWidely(content []byte) (uint64, []byte) {
	length := len(content) &^ 63
	if length < 256 || !cpu.X86.HasAVX2 {
		return 0, content
	}
	return wideSum(unsafe.SliceData(content), length), content[length:]
}
