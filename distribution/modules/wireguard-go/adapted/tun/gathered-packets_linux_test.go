package tun

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// What is gathered must be, byte for byte, what upstream's own functions put together by copying: in order or not, whole or broken, pushed or short.
func TestGatheredTCPIsWhatCopyingWouldMake(t *testing.T) {
	random := rand.New(rand.NewSource(3))
	results := map[coalesceResult]int{}
	for round := range 4000 {
		isV6 := round%2 == 1
		packets, modes := arbitrarySegments(random, isV6)
		ours, theirs := copiesOf(packets), copiesOf(packets)
		var gathered gatheredPackets
		ourItem, theirItem := firstItem(packets[0], isV6), firstItem(packets[0], isV6)
		for i := 1; i < len(packets); i++ {
			packet := packets[i][offset:]
			size := uint16(len(packet) - int(ourItem.iphLen) - 20)
			sequence := binary.BigEndian.Uint32(packet[ourItem.iphLen+4:])
			push := packet[ourItem.iphLen+tcpFlagsOffset]&tcpFlagPSH != 0
			want := coalesceTCPPackets(modes[i], theirs[i][offset:], i, size, sequence, push, &theirItem, theirs, offset, isV6)
			got := gathered.gatherTCP(modes[i], ours[i][offset:], i, size, sequence, push, &ourItem, ours, offset, isV6)
			if got != want || ourItem != theirItem {
				t.Fatalf("result %d with %+v, by copying %d with %+v", got, ourItem, want, theirItem)
			}
			results[got]++
		}
		compare(t, &gathered, ours[0], theirs[0])
	}
	for _, result := range []coalesceResult{coalesceInsufficientCap, coalescePSHEnding, coalesceItemInvalidCSum, coalescePktInvalidCSum, coalesceSuccess} {
		if results[result] < 20 {
			t.Errorf("result %d came only %d times: the test sees too little", result, results[result])
		}
	}
}

func TestGatheredUDPIsWhatCopyingWouldMake(t *testing.T) {
	random := rand.New(rand.NewSource(4))
	merged := 0
	for round := range 2000 {
		isV6 := round%2 == 1
		packets := make([][]byte, 2+random.Intn(20))
		for i := range packets {
			packets[i] = udp4Packet(ip4PortA, ip4PortB, 3000)
			if isV6 {
				packets[i] = udp6Packet(ip6PortA, ip6PortB, 3000)
			}
			if random.Intn(20) == 0 {
				packets[i][len(packets[i])-1] ^= 0xff
			}
		}
		ours, theirs := copiesOf(packets), copiesOf(packets)
		var gathered gatheredPackets
		ourItem := udpGROItem{iphLen: headerLength(isV6), gsoSize: 3000, cSumKnownInvalid: random.Intn(20) == 0}
		theirItem := ourItem
		for i := 1; i < len(packets); i++ {
			want := coalesceUDPPackets(theirs[i][offset:], &theirItem, theirs, offset, isV6)
			got := gathered.gatherUDP(ours[i][offset:], &ourItem, ours, offset, isV6)
			if got != want || ourItem != theirItem {
				t.Fatalf("result %d with %+v, by copying %d with %+v", got, ourItem, want, theirItem)
			}
		}
		merged += int(ourItem.numMerged)
		compare(t, &gathered, ours[0], theirs[0])
	}
	if merged < 1000 {
		t.Errorf("only %d packets were put together: the test sees too little", merged)
	}
}

func TestTheBufferOfAFirstPacketKeepsItsTail(t *testing.T) {
	first, second := tcp4Packet(ip4PortA, ip4PortB, header.TCPFlagAck, 1000, 1), tcp4Packet(ip4PortA, ip4PortB, header.TCPFlagAck, 1000, 1001)
	tail := first[len(first):cap(first)]
	for i := range tail {
		tail[i] = 0xee
	}
	var toWrite []int
	if err := handleGRO([][]byte{first, second}, offset, newTCPGROTable(), newUDPGROTable(), true, &toWrite); err != nil || len(toWrite) != 1 {
		t.Fatal(toWrite, err)
	}
	for i := range tail {
		if tail[i] != 0xee {
			t.Fatalf("byte %d behind the packet was written", i)
		}
	}
}

func TestPiecesAreForgotten(t *testing.T) {
	var gathered gatheredPackets
	buffers := copiesOf([][]byte{make([]byte, 100), make([]byte, 100)})
	gathered.append(1, []byte("content"), buffers, offset)
	gathered.forget()
	if len(gathered.at(0))+len(gathered.at(1)) > 0 {
		t.Error("pieces of the last batch would be written again")
	}
}

func compare(t *testing.T, gathered *gatheredPackets, ours, theirs []byte) {
	t.Helper()
	whole := ours
	if pieces := gathered.at(0); len(pieces) > 0 {
		whole = bytes.Join(pieces, nil)
	}
	if len(whole) != len(ours) {
		t.Fatalf("%d bytes are gathered, %d are said", len(whole), len(ours))
	}
	if !bytes.Equal(whole, theirs) {
		t.Fatal("what is gathered differs from what copying makes")
	}
}

// arbitrarySegments makes segments of one flow and says on which side of those before each goes.
func arbitrarySegments(random *rand.Rand, isV6 bool) ([][]byte, []canCoalesce) {
	size := []uint32{100, 1360, 8000}[random.Intn(3)]
	first := uint32(1 << 20)
	next := first + size
	packets := [][]byte{segment(random, first, size, isV6)}
	modes := []canCoalesce{coalesceUnavailable}
	for range 1 + random.Intn(30) {
		if random.Intn(4) == 0 {
			first -= size
			packets, modes = append(packets, segment(random, first, size, isV6)), append(modes, coalescePrepend)
		} else {
			packets, modes = append(packets, segment(random, next, size, isV6)), append(modes, coalesceAppend)
			next += size
		}
	}
	return packets, modes
}

func segment(random *rand.Rand, sequence, size uint32, isV6 bool) []byte {
	flags := header.TCPFlags(header.TCPFlagAck)
	if random.Intn(12) == 0 {
		flags |= header.TCPFlagPsh
	}
	packet := tcp4Packet(ip4PortA, ip4PortB, flags, size, sequence)
	if isV6 {
		packet = tcp6Packet(ip6PortA, ip6PortB, flags, size, sequence)
	}
	// Contents that differ, with a sum that stays right: two words exchanged.
	content := packet[len(packet)-int(size):]
	word := uint16(random.Intn(1 << 16))
	binary.BigEndian.PutUint16(content, word)
	binary.BigEndian.PutUint16(content[2:], ^word)
	if random.Intn(30) == 0 {
		content[len(content)-1] ^= 0x55
	}
	return packet
}

func firstItem(packet []byte, isV6 bool) tcpGROItem {
	length := headerLength(isV6)
	return tcpGROItem{
		iphLen: length, tcphLen: 20,
		gsoSize: uint16(len(packet) - offset - int(length) - 20),
		sentSeq: binary.BigEndian.Uint32(packet[offset+int(length)+4:]),
	}
}

func headerLength(isV6 bool) uint8 {
	if isV6 {
		return 40
	}
	return 20
}

func copiesOf(packets [][]byte) [][]byte {
	copies := make([][]byte, len(packets))
	for i, packet := range packets {
		copies[i] = append(make([]byte, 0, 65535), packet...)
	}
	return copies
}
