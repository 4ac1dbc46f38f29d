package tun

import (
	"encoding/binary"
	"math/rand"
	"testing"
)

// The definition of RFC 1071, word by word.
func TestChecksumsAreTheSumsOfWords(t *testing.T) {
	random := rand.New(rand.NewSource(6))
	for range 20_000 {
		content := make([]byte, 3+random.Intn(3000))[random.Intn(3):]
		switch random.Intn(4) {
		case 0:
			for i := range content {
				content[i] = 0xff
			}
		case 1:
		default:
			random.Read(content)
		}
		initial := uint64(random.Intn(1 << 20))
		want := initial
		for i := 0; i < len(content); i += 2 {
			word := uint64(content[i]) << 8
			if i+1 < len(content) {
				word = uint64(binary.BigEndian.Uint16(content[i:]))
			}
			want += word
		}
		for want > 0xffff {
			want = want>>16 + want&0xffff
		}
		if got := checksum(content, initial); got != uint16(want) {
			t.Fatalf("%d bytes sum up to %#x, not to %#x", len(content), got, want)
		}
	}
}
